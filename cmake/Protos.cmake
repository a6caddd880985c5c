# SPDX-License-Identifier: Apache-2.0
# proto/ is compiled three times: by protobuf-c into structs (x.pb-c.h), by our own plugin into server tables and client
# functions (x.rpc.h), and by protoc into the descriptor set that the gateway, the validator and reflection read.
set(GENERATED ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${GENERATED}/proto)
file(GLOB_RECURSE proto_files RELATIVE ${CMAKE_SOURCE_DIR}/proto CONFIGURE_DEPENDS proto/*.proto)

pkg_get_variable(PROTOBUF_INCLUDE protobuf includedir)
if(NOT PROTOBUF_INCLUDE)
  set(PROTOBUF_INCLUDE /usr/include)
endif()
set(PROTOC_FLAGS -I${CMAKE_SOURCE_DIR}/proto -I${PROTOBUF_INCLUDE})

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

set(proto_sources "")
foreach(file ${proto_files})
  string(REGEX REPLACE "\\.proto$" "" stem ${file})
  set(outputs ${GENERATED}/proto/${stem}.pb-c.c ${GENERATED}/proto/${stem}.pb-c.h
              ${GENERATED}/proto/${stem}.rpc.c ${GENERATED}/proto/${stem}.rpc.h)
  add_custom_command(OUTPUT ${outputs}
    COMMAND ${PROTOC} ${PROTOC_FLAGS} --plugin=protoc-gen-c=${PROTOC_GEN_C} --c_out=${GENERATED}/proto
            --plugin=protoc-gen-argosy=$<TARGET_FILE:protoc-gen-argosy> --argosy_out=${GENERATED}/proto ${file}
    DEPENDS ${CMAKE_SOURCE_DIR}/proto/${file} protoc-gen-argosy
    VERBATIM)
  list(APPEND proto_sources ${GENERATED}/proto/${stem}.pb-c.c ${GENERATED}/proto/${stem}.rpc.c)
endforeach()

list(TRANSFORM proto_files PREPEND ${CMAKE_SOURCE_DIR}/proto/ OUTPUT_VARIABLE proto_paths)
add_custom_command(OUTPUT ${GENERATED}/proto/argosy.binpb ${GENERATED}/proto/descriptors.c
  COMMAND ${PROTOC} ${PROTOC_FLAGS} --include_imports --descriptor_set_out=${GENERATED}/proto/argosy.binpb ${proto_files}
  COMMAND ${CMAKE_COMMAND} -DINPUT=${GENERATED}/proto/argosy.binpb -DOUTPUT=${GENERATED}/proto/descriptors.c
          -DNAME=proto_descriptors -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
  DEPENDS ${proto_paths} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
  VERBATIM)

add_library(argosy_proto STATIC ${proto_sources} ${GENERATED}/proto/descriptors.c)
add_library(argosy::proto ALIAS argosy_proto)
target_include_directories(argosy_proto PUBLIC ${GENERATED}/proto ${GENERATED})
target_link_libraries(argosy_proto PUBLIC argosy_descriptor PkgConfig::PROTOBUF_C)
target_compile_options(argosy_proto PRIVATE -w)
