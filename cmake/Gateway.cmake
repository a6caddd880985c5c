# SPDX-License-Identifier: Apache-2.0
# Data that is compiled into the gateway: its configuration, and for its tests a descriptor set and
# a service of their own.

# Embeds INPUT into a target as `const unsigned char NAME[]`.
function(argosy_embed target input name)
  set(output ${GENERATED}/${name}.c)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DNAME=${name} -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${input} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()

argosy_embed(argosy_gateway ${CMAKE_SOURCE_DIR}/gateway/kong.yml gateway_kong_yml)

set(test_descriptors ${GENERATED}/gateway/transcode_test.binpb)
file(MAKE_DIRECTORY ${GENERATED}/gateway)
add_custom_command(OUTPUT ${test_descriptors}
  COMMAND ${PROTOC} -I${CMAKE_SOURCE_DIR}/gateway -I${CMAKE_SOURCE_DIR}/proto -I${PROTOBUF_INCLUDE} --include_imports
          --descriptor_set_out=${test_descriptors} transcode_test.proto
  DEPENDS ${CMAKE_SOURCE_DIR}/gateway/transcode_test.proto
  VERBATIM)
add_library(argosy_transcode_test_proto STATIC)
argosy_embed(argosy_transcode_test_proto ${test_descriptors} transcode_test_descriptors)
foreach(test transcode_test transcode_wire_test router_test binding_test)
  if(TARGET ${test})
    target_link_libraries(${test} PRIVATE argosy_transcode_test_proto)
    target_compile_definitions(${test} PRIVATE PROTOC="${PROTOC}" PROTO_PATH="${CMAKE_SOURCE_DIR}"
      PROTO_INCLUDE="${PROTOBUF_INCLUDE}")
  endif()
endforeach()
