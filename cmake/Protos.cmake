# SPDX-License-Identifier: Apache-2.0
# Protos are compiled three times: by protobuf-c into structs (x.pb-c.h), by our own plugin into server tables and client
# functions (x.rpc.h), and by protoc into the descriptor set that the gateway, the validator and reflection read.
set(GENERATED ${CMAKE_BINARY_DIR}/generated)

pkg_get_variable(PROTOBUF_INCLUDE protobuf includedir)
if(NOT PROTOBUF_INCLUDE)
  set(PROTOBUF_INCLUDE /usr/include)
endif()

# The plugin itself reads descriptors with protobuf-c.
set(descriptor_sources "")
foreach(file descriptor compiler/plugin any duration timestamp)
  set(output ${GENERATED}/google/protobuf/${file}.pb-c.c)
  add_custom_command(OUTPUT ${output} ${GENERATED}/google/protobuf/${file}.pb-c.h
    COMMAND ${PROTOC} -I${PROTOBUF_INCLUDE} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${GENERATED} google/protobuf/${file}.proto
    VERBATIM)
  list(APPEND descriptor_sources ${output})
endforeach()
add_library(argosy_descriptor STATIC ${descriptor_sources})
target_link_libraries(argosy_descriptor PUBLIC PkgConfig::PROTOBUF_C)
target_compile_options(argosy_descriptor PRIVATE -w)

add_executable(protoc-gen-argosy ${CMAKE_SOURCE_DIR}/tools/protoc-gen-argosy.c)
target_link_libraries(protoc-gen-argosy PRIVATE argosy_descriptor)

# argosy_protos(<name> <folder> <symbol> [IMPORTS <folder>...]): the library argosy_<name> of all protos in a folder of the
# project; their descriptor set is `const unsigned char <symbol>[]` in it.
function(argosy_protos name folder symbol)
  cmake_parse_arguments(ARG "" "" "IMPORTS" ${ARGN})
  set(source ${CMAKE_SOURCE_DIR}/${folder})
  set(output ${GENERATED}/${folder})
  set(flags -I${source})
  foreach(import ${ARG_IMPORTS})
    list(APPEND flags -I${CMAKE_SOURCE_DIR}/${import})
  endforeach()
  list(APPEND flags -I${PROTOBUF_INCLUDE})
  file(MAKE_DIRECTORY ${output})
  file(GLOB_RECURSE files RELATIVE ${source} CONFIGURE_DEPENDS ${source}/*.proto)

  set(sources "")
  foreach(file ${files})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    add_custom_command(
      OUTPUT ${output}/${stem}.pb-c.c ${output}/${stem}.pb-c.h ${output}/${stem}.rpc.c ${output}/${stem}.rpc.h
      COMMAND ${PROTOC} ${flags} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${output}
              --plugin=protoc-gen-argosy=$<TARGET_FILE:protoc-gen-argosy> --argosy_out=${output} ${file}
      DEPENDS ${source}/${file} protoc-gen-argosy
      VERBATIM)
    list(APPEND sources ${output}/${stem}.pb-c.c ${output}/${stem}.rpc.c)
  endforeach()

  list(TRANSFORM files PREPEND ${source}/ OUTPUT_VARIABLE paths)
  add_custom_command(OUTPUT ${output}/${name}.binpb ${output}/${symbol}.c
    COMMAND ${PROTOC} ${flags} --include_imports --descriptor_set_out=${output}/${name}.binpb ${paths}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${output}/${name}.binpb -DOUTPUT=${output}/${symbol}.c
            -DNAME=${symbol} -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${paths} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    VERBATIM)

  add_library(argosy_${name} STATIC ${sources} ${output}/${symbol}.c)
  target_include_directories(argosy_${name} PUBLIC ${output} ${GENERATED})
  target_link_libraries(argosy_${name} PUBLIC argosy_descriptor PkgConfig::PROTOBUF_C)
  target_compile_options(argosy_${name} PRIVATE -w)
endfunction()

argosy_protos(proto proto proto_descriptors)
add_library(argosy::proto ALIAS argosy_proto)
