# SPDX-License-Identifier: Apache-2.0
# How everything of ours is compiled: warnings, sanitizers, hardening.

add_library(metacore_options INTERFACE)
target_compile_definitions(metacore_options INTERFACE _GNU_SOURCE)
target_include_directories(metacore_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(metacore_options INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wwrite-strings -Wundef -Wno-missing-field-initializers
    -fvisibility=hidden -fno-strict-aliasing -fno-common)

if(CMAKE_C_COMPILER_ID MATCHES Clang)
  target_compile_options(metacore_options INTERFACE -Wthread-safety)
endif()

if(METACORE_SANITIZE)
  target_compile_options(metacore_options INTERFACE
      -fsanitize=${METACORE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(metacore_options INTERFACE -fsanitize=${METACORE_SANITIZE})
else()
  target_compile_options(metacore_options INTERFACE -fstack-protector-strong)
  if(CMAKE_BUILD_TYPE STREQUAL Release)
    target_compile_definitions(metacore_options INTERFACE _FORTIFY_SOURCE=2)
    target_compile_options(metacore_options INTERFACE -ffunction-sections -fdata-sections)
    target_link_options(metacore_options INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now)
  endif()
endif()
