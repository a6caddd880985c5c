# SPDX-License-Identifier: Apache-2.0
# How everything is compiled. GCC 12 and clang 14 or newer; warnings are errors.
set(CMAKE_C_STANDARD 23)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # gnu2x: GCC 12 and clang 14 then warn of an ignored [[nodiscard]] status
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

set(ARGOSY_SANITIZE "" CACHE STRING "Sanitizers: address,undefined or thread")
option(ARGOSY_COVERAGE "Instrument for coverage" OFF)
option(ARGOSY_FUZZ "Build the fuzz targets (clang)" OFF)
option(ARGOSY_RACE_WINDOWS "Pause at marked points between threads, by ARGOSY_RACE_SEED (base/race_window.h)" OFF)
option(ARGOSY_FIBER_UCONTEXT "Switch fibers with swapcontext on every machine" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef -Wno-unused-parameter -Wno-missing-field-initializers
  -Wno-gnu-zero-variadic-macro-arguments -fno-common -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  # GCC can't see that an out-parameter is written whenever the status is OK; clang-tidy's analyzer and the sanitizers
  # look for the real ones.
  add_compile_options(-Wno-maybe-uninitialized)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # Designated initializers over inherited ones, and zero-length VA_OPT, are meant.
  add_compile_options(-Wno-gnu-statement-expression -Wno-gnu-folding-constant)
endif()
add_compile_options("$<$<COMPILE_LANGUAGE:C>:SHELL:-include ${CMAKE_SOURCE_DIR}/base/banned.h>")
include_directories(${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)

if(ARGOSY_SANITIZE)
  add_compile_options(-fsanitize=${ARGOSY_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${ARGOSY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL Release)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES x86_64 AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    add_compile_options(-fcf-protection=none) # shadow stacks and fibers do not mix
  endif()
endif()
add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
if(ARGOSY_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(ARGOSY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
if(ARGOSY_RACE_WINDOWS)
  add_compile_definitions(ARGOSY_RACE_WINDOWS=1)
endif()
if(ARGOSY_FIBER_UCONTEXT)
  add_compile_definitions(ARGOSY_FIBER_UCONTEXT=1)
endif()
