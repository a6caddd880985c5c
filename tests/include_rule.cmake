# SPDX-License-Identifier: Apache-2.0
# Holds every source to the include rule of ARCHITECTURE.md:
#
#     base <- fiber <- observe <- http <- store <- rpc <- events <- services, gateway <- app
#
# A folder includes what stands left of it, and itself. What stands side by side does not know each other:
# services and gateway, and one service and another, which call each other by what is generated from proto/ instead. What
# is generated stands in no folder here. bench, tests and tools may include everything; only tests may include tests.
#
#     cmake -DROOT=<the sources> -P tests/include_rule.cmake
cmake_minimum_required(VERSION 3.25)

set(LEVEL_base 0)
set(LEVEL_fiber 1)
set(LEVEL_observe 2)
set(LEVEL_http 3)
set(LEVEL_store 4)
set(LEVEL_rpc 5)
set(LEVEL_events 6)
set(LEVEL_services 7)
set(LEVEL_gateway 7)
set(LEVEL_app 8)

# The folder at the top of a path, and the unit that it belongs to: that folder, or of services the one service.
function(unit_of path ret_top ret_unit)
  string(REGEX MATCH "^[^/]+" top ${path})
  set(unit ${top})
  if(path MATCHES "^(services/[^/]+)/")
    set(unit ${CMAKE_MATCH_1})
  endif()
  set(${ret_top} ${top} PARENT_SCOPE)
  set(${ret_unit} ${unit} PARENT_SCOPE)
endfunction()

# Why `file` may not include `included`, or "".
function(objection file included ret_objection)
  set(${ret_objection} "" PARENT_SCOPE)
  unit_of(${file} top unit)
  unit_of(${included} included_top included_unit)
  if(included MATCHES "(^|/)\\.\\.?/")
    set(${ret_objection} "a path from the root is needed" PARENT_SCOPE)
  elseif(included_top MATCHES "^(bench|tests|tools)$" AND NOT file MATCHES "_(test|testing)\\.[ch]$")
    set(${ret_objection} "only tests include ${included_top}" PARENT_SCOPE)
  elseif(NOT DEFINED LEVEL_${included_top} OR unit STREQUAL included_unit)
    return()
  elseif(LEVEL_${included_top} GREATER LEVEL_${top})
    set(${ret_objection} "${top} stands below ${included_top}" PARENT_SCOPE)
  elseif(LEVEL_${included_top} EQUAL LEVEL_${top})
    set(${ret_objection} "${unit} and ${included_unit} do not know each other" PARENT_SCOPE)
  endif()
endfunction()

set(broken "")
set(count 0)
foreach(folder base fiber observe http store rpc events services gateway app)
  file(GLOB_RECURSE files RELATIVE ${ROOT} ${ROOT}/${folder}/*.c ${ROOT}/${folder}/*.h ${ROOT}/${folder}/*.S)
  foreach(file ${files})
    math(EXPR count "${count} + 1")
    file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include[ \t]*[\"<]")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*[\"<]([^\">]*).*" "\\1" included "${line}")
      if(included MATCHES "/")
        objection(${file} ${included} reason)
        if(reason)
          string(APPEND broken "${file} includes ${included}: ${reason}\n")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()

if(broken)
  message(FATAL_ERROR "The include rule is broken:\n${broken}")
elseif(count EQUAL 0)
  message(FATAL_ERROR "There are no sources in '${ROOT}'")
endif()
message("${count} files keep the include rule")
