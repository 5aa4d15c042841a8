# SPDX-License-Identifier: Apache-2.0
# What other projects build against: the archive, metacore.pc and the CMake package, all three from
# one list of what the packages link.

# mc_find_module(SQLITE sqlite3>=3.40): PkgConfig::SQLITE, under the name that others ask for too.
macro(mc_find_module prefix spec)
  pkg_check_modules(${prefix} REQUIRED IMPORTED_TARGET ${spec})
  set_property(GLOBAL PROPERTY METACORE_MODULE_${prefix} "${spec}")
endmacro()

set_property(GLOBAL PROPERTY METACORE_MODULE_OpenSSL_SSL "libssl>=3")
set_property(GLOBAL PROPERTY METACORE_MODULE_OpenSSL_Crypto "libcrypto>=3")
set_property(GLOBAL PROPERTY METACORE_MODULE_ZLIB_ZLIB "zlib")

# libs as mc_package has them -> pkg-config modules, and what has no module, as it is linked.
function(mc_split_libs out_modules out_plain)
  set(modules "")
  set(plain "")
  foreach(lib IN LISTS ARGN)
    string(REGEX REPLACE "^PkgConfig::" "" name "${lib}")
    string(REPLACE "::" "_" name "${name}")
    get_property(module GLOBAL PROPERTY METACORE_MODULE_${name})
    if(module)
      list(APPEND modules "${module}")
    elseif(lib MATCHES "^PkgConfig::")
      list(APPEND plain ${${name}_LINK_LIBRARIES})
    elseif(lib MATCHES "::")
      message(FATAL_ERROR "mc_install: no pkg-config module is known for ${lib}")
    else()
      list(APPEND plain "${lib}")
    endif()
  endforeach()
  set(${out_modules} "${modules}" PARENT_SCOPE)
  set(${out_plain} "${plain}" PARENT_SCOPE)
endfunction()

function(mc_install_library target)
  mc_split_libs(MC_MODULES plain ${ARGN})
  set(MC_LINK_OPTIONS "-pthread")
  if(METACORE_SANITIZE) # an archive of a sanitized build is only linked by the like
    list(APPEND MC_LINK_OPTIONS "-fsanitize=${METACORE_SANITIZE}")
  endif()
  set(MC_PC_LIBS "")
  foreach(lib IN LISTS plain)
    if(lib MATCHES "^/")
      string(APPEND MC_PC_LIBS " ${lib}")
    else()
      string(APPEND MC_PC_LIBS " -l${lib}")
    endif()
  endforeach()
  list(JOIN MC_LINK_OPTIONS " " MC_PC_OPTIONS)
  list(JOIN MC_MODULES ", " MC_PC_REQUIRES)
  string(REGEX REPLACE "(>=)" " \\1 " MC_PC_REQUIRES "${MC_PC_REQUIRES}")
  set(MC_PLAIN_LIBS "${plain}")

  # As far up as the library's folder is deep: lib/x86_64-linux-gnu in a Debian package.
  string(REGEX REPLACE "[^/]+" ".." MC_PC_UP "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

  set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/metacore)
  include(CMakePackageConfigHelpers)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/metacore.pc.in metacore.pc @ONLY)
  configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/metacore-config.cmake.in metacore-config.cmake
    INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
  write_basic_package_version_file(metacore-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(TARGETS ${target} ARCHIVE)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/metacore.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/metacore-config.cmake
                ${CMAKE_CURRENT_BINARY_DIR}/metacore-config-version.cmake DESTINATION ${package_dir})
endfunction()
