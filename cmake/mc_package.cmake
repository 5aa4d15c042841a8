# SPDX-License-Identifier: Apache-2.0
# mc_package(webhooks
#     SOURCES webhooks_service.c …    the package's own files
#     TESTS   webhooks_test.c …       beside the code; one program, webhooks_test
#     FUZZ    webhooks_sign_fuzz.c …  one program each
#     USES    base obs …              the packages it may include: script/check-includes holds it to that
#     LIBS    PkgConfig::SODIUM …     libraries of others
#     TEST_USES / TEST_LIBS           what only its tests need)

set_property(GLOBAL PROPERTY METACORE_OBJECTS "")
set_property(GLOBAL PROPERTY METACORE_LIBS "")

# The folder's headers that others may include: neither named _internal.h nor including one that is.
function(mc_public_headers out)
  file(GLOB public RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.h)
  set(private "_internal")
  set(is_settled FALSE)
  while(NOT is_settled)
    set(is_settled TRUE)
    foreach(header IN LISTS public)
      get_filename_component(name ${header} NAME_WE)
      file(STRINGS ${header} includes REGEX "^#include \".*(${private})\\.h\"")
      if(includes OR header MATCHES "_internal\\.h$")
        list(REMOVE_ITEM public ${header})
        string(APPEND private "|/${name}")
        set(is_settled FALSE)
      endif()
    endforeach()
  endwhile()
  list(TRANSFORM public PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  set(${out} "${public}" PARENT_SCOPE)
endfunction()

# A package in a folder of its own kind is named by its path, runtime/wasm; its targets are then
# mc_runtime_wasm and runtime_wasm_test.
function(mc_package path)
  cmake_parse_arguments(P "" "" "SOURCES;TESTS;FUZZ;USES;LIBS;TEST_USES;TEST_LIBS" ${ARGN})
  if(P_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "mc_package(${path}): unknown ${P_UNPARSED_ARGUMENTS}")
  endif()
  string(REPLACE "/" "_" name ${path})
  list(TRANSFORM P_USES REPLACE "/" "_")
  list(TRANSFORM P_TEST_USES REPLACE "/" "_")

  add_library(mc_${name} STATIC ${P_SOURCES})
  target_link_libraries(mc_${name} PUBLIC metacore_options Threads::Threads ${P_LIBS})
  foreach(used IN LISTS P_USES)
    target_link_libraries(mc_${name} PUBLIC mc_${used})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY METACORE_OBJECTS $<TARGET_OBJECTS:mc_${name}>)
  set_property(GLOBAL APPEND PROPERTY METACORE_LIBS ${P_LIBS})

  mc_public_headers(headers)
  install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/metacore/${path})

  if(METACORE_TESTS AND P_TESTS)
    add_executable(${name}_test ${P_TESTS})
    target_link_libraries(${name}_test PRIVATE mc_${name} mc_test_support ${P_TEST_LIBS})
    foreach(used IN LISTS P_TEST_USES)
      target_link_libraries(${name}_test PRIVATE mc_${used})
    endforeach()
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
  foreach(file IN LISTS P_FUZZ)
    mc_fuzz_target(${name} ${file})
  endforeach()
endfunction()

# mc_module(metacore-postgres
#     SOURCES … USES … LIBS …       as above; what it uses is linked into it, nothing is asked of
#                                   the program that loads it
#     EXPORTS metacore_db_postgres  all that is seen from outside)
# Loaded at run time; in the build tree it lies beside the program.
function(mc_module name)
  cmake_parse_arguments(P "" "" "SOURCES;USES;LIBS;EXPORTS" ${ARGN})
  list(JOIN P_EXPORTS "; " exports)
  set(map ${CMAKE_CURRENT_BINARY_DIR}/${name}.map)
  file(CONFIGURE OUTPUT ${map} CONTENT "{ global: @exports@; local: *; };\n" @ONLY)
  add_library(${name} MODULE ${P_SOURCES})
  set_target_properties(${name} PROPERTIES PREFIX "" LINK_DEPENDS ${map}
                        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/cmd/metacore)
  target_link_libraries(${name} PRIVATE metacore_options Threads::Threads ${P_LIBS})
  foreach(used IN LISTS P_USES)
    target_link_libraries(${name} PRIVATE mc_${used})
  endforeach()
  target_link_options(${name} PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic)
  install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/metacore)
endfunction()

# With libFuzzer in the fuzz preset; elsewhere a short, seeded run over the corpus is a test.
function(mc_fuzz_target package file)
  get_filename_component(target ${file} NAME_WE)
  if(METACORE_FUZZ)
    add_executable(${target} ${file})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${target} PRIVATE mc_${package})
  elseif(METACORE_TESTS)
    add_executable(${target} ${file} ${CMAKE_SOURCE_DIR}/tests/support/mc_fuzz_main.c)
    target_link_libraries(${target} PRIVATE mc_${package})
    add_test(NAME ${target} COMMAND ${target} ${CMAKE_SOURCE_DIR}/fuzz/${target})
    set_tests_properties(${target} PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# libmetacore: all packages in one archive, installed with its headers, .pc and CMake package.
function(mc_library)
  get_property(objects GLOBAL PROPERTY METACORE_OBJECTS)
  get_property(libs GLOBAL PROPERTY METACORE_LIBS)
  if(NOT objects)
    return()
  endif()
  list(REMOVE_DUPLICATES libs)
  add_library(metacore STATIC ${objects})
  target_link_libraries(metacore PUBLIC metacore_options Threads::Threads ${libs})
  mc_install_library(metacore ${libs})
endfunction()
