# SPDX-License-Identifier: Apache-2.0
# A folder is a module: its *.c (and *.S) make the library argosy::<folder>, each *_test.c beside them one test program.
# So do those of its sub-folders (services/order/sqlite), unless it is FLAT: then they are modules of their own.

# argosy_module(<folder> [FLAT] USES <module or target>... [TEST_USES <module or target>...])
function(argosy_module folder)
  cmake_parse_arguments(ARG "FLAT" "" "USES;TEST_USES" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c ${folder}/*.S)
  if(NOT ARG_FLAT)
    file(GLOB below CONFIGURE_DEPENDS ${folder}/*/*.c)
    list(APPEND sources ${below})
  endif()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|main|testing)\\.c$")
  list(FILTER tests INCLUDE REGEX "_test\\.c$")
  if(NOT sources)
    add_library(argosy_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(argosy_${name} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  add_library(argosy::${name} ALIAS argosy_${name})
  foreach(use ${ARG_USES})
    argosy_use(argosy_${name} ${scope} ${use})
  endforeach()
  foreach(test ${tests})
    argosy_test(${test} USES ${folder} ${ARG_TEST_USES})
  endforeach()
endfunction()

# Links a module by its folder's name, or any other target by its own.
function(argosy_use target scope use)
  string(REPLACE "/" "_" use_name ${use})
  if(TARGET argosy_${use_name})
    target_link_libraries(${target} ${scope} argosy_${use_name})
  else()
    target_link_libraries(${target} ${scope} ${use})
  endif()
endfunction()

# argosy_test(<path of x_test.c> USES <module>...): a program, found by ctest under the file's name. One that names the
# variable of an engine (ARGOSY_TEST_POSTGRES) has the label `engines`: tests/engines/run runs it against the real one.
function(argosy_test source)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  foreach(use ${ARG_USES})
    argosy_use(${name} PRIVATE ${use})
  endforeach()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  file(STRINGS ${source} engines REGEX "ARGOSY_TEST_[A-Z]" LIMIT_COUNT 1)
  if(engines)
    set_tests_properties(${name} PROPERTIES LABELS engines)
  endif()
endfunction()

# argosy_tests_beside(<service> <test>...): these tests of other services are linked with `service` too, and are left
# out where the registry does not list it.
function(argosy_tests_beside service)
  foreach(test ${ARGN})
    if(NOT TARGET ${test})
      continue() # its own service is not there
    elseif(TARGET argosy_services_${service})
      target_link_libraries(${test} PRIVATE argosy_services_${service})
    else()
      set_target_properties(${test} PROPERTIES EXCLUDE_FROM_ALL ON)
      set_tests_properties(${test} PROPERTIES DISABLED ON)
    endif()
  endforeach()
endfunction()

# The services of services/registry, one folder each, and the table of them that app/ reads.
function(argosy_services folder)
  cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/registry)
  file(STRINGS ${folder}/registry lines REGEX "^[a-z]")
  set(externs "")
  set(rows "")
  set(modules "")
  set(ports "")
  foreach(line ${lines})
    string(REGEX MATCH "^([a-z_]+) +([0-9]+)" found "${line}")
    set(service ${CMAKE_MATCH_1})
    string(APPEND ports "${CMAKE_MATCH_2}, ")
    argosy_module(${folder}/${service} USES ${ARG_USES})
    string(APPEND externs "extern const struct service_module ${service}_service;\n")
    string(APPEND rows "    &${service}_service,\n")
    list(APPEND modules argosy_services_${service})
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/services_registry.c CONTENT
"/* Made from services/registry. */
#include \"rpc/service.h\"

@externs@
const struct service_module *const services_registry[] = {
@rows@    0,
};
extern const int services_ports[];
const int services_ports[] = {@ports@0};
" @ONLY)
  add_library(argosy_services STATIC ${CMAKE_BINARY_DIR}/generated/services_registry.c)
  target_link_libraries(argosy_services PUBLIC ${modules} argosy_rpc)
endfunction()
