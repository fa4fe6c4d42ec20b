# `cmake --install BUILD --prefix P`: the library for programs of others, and the penstock program. What is
# installed can be moved: it finds its parts relative to itself.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/penstock)
set(made_dir ${CMAKE_BINARY_DIR}/install)

install(TARGETS libpenstock libpenstock_rocksdb EXPORT penstock-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(DIRECTORY include/penstock ${CMAKE_BINARY_DIR}/include/penstock
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library FILES_MATCHING PATTERN "*.h")
install(EXPORT penstock-targets NAMESPACE penstock:: DESTINATION ${package_dir} COMPONENT library)

configure_package_config_file(cmake/penstock-config.cmake.in ${made_dir}/penstock-config.cmake
                              INSTALL_DESTINATION ${package_dir})
# Until 1.0, a new minor version may change the interface.
write_basic_package_version_file(${made_dir}/penstock-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${made_dir}/penstock-config.cmake ${made_dir}/penstock-config-version.cmake
        DESTINATION ${package_dir} COMPONENT library)

# From the .pc file back to the prefix.
file(RELATIVE_PATH PKGCONFIG_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" PKGCONFIG_TO_PREFIX ${PKGCONFIG_TO_PREFIX})
configure_file(cmake/penstock.pc.in ${made_dir}/penstock.pc @ONLY)
install(FILES ${made_dir}/penstock.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)

install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/penstock COMPONENT library)
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/penstock COMPONENT library)

if(TARGET penstock)
  install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
endif()
