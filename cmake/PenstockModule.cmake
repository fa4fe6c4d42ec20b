# What fuzz programs begin with; made again when the golden vectors change.
set(PENSTOCK_FUZZ_SEEDS ${CMAKE_BINARY_DIR}/fuzz_seeds)
execute_process(COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/scripts/fuzz_seeds ${PENSTOCK_FUZZ_SEEDS}
                COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${CMAKE_SOURCE_DIR}/scripts/fuzz_seeds
             ${CMAKE_SOURCE_DIR}/src/kafka/testdata/golden_vectors.txt)

# penstock_module(NAME [DEPENDS target...]): src/NAME as the library penstock_NAME.
#
# Takes every *.cc of the folder. The files named *_test.cc become the test program NAME_test; each x_fuzz.cc
# becomes the libFuzzer program NAME_x_fuzz, with a short run among the tests that begins with the seeds of
# scripts/fuzz_seeds. A folder links only folders above its line in the layer diagram.
function(penstock_module name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  add_library(penstock_${name} STATIC ${sources})
  target_link_libraries(penstock_${name} PUBLIC penstock_options ${ARG_DEPENDS})
  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE penstock_${name} GTest::gtest_main rapidcheck)
    gtest_discover_tests(${name}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_fuzz.cc)
  foreach(fuzzer ${fuzzers})
    get_filename_component(subject ${fuzzer} NAME_WE)
    add_executable(${name}_${subject} ${fuzzer})
    target_link_libraries(${name}_${subject} PRIVATE penstock_${name})
    target_compile_options(${name}_${subject} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${name}_${subject} PRIVATE -fsanitize=fuzzer)
    set(seeds ${PENSTOCK_FUZZ_SEEDS}/${name}_${subject}.seeds)
    set(seed_inputs)
    if(EXISTS ${seeds})
      set(seed_inputs -seed_inputs=@${seeds})
    endif()
    # Short and the same each time; scripts/fuzz runs them for long.
    add_test(NAME fuzz.${name}_${subject}
             COMMAND ${name}_${subject} -seed=1 -runs=50000 -len_control=0 -max_total_time=20 -verbosity=0
                     ${seed_inputs})
  endforeach()
endfunction()

# tests_read_docs(SOURCE...): these tests compare the code with docs/, as PENSTOCK_DOCS_DIRECTORY.
function(tests_read_docs)
  set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_DEFINITIONS
               PENSTOCK_DOCS_DIRECTORY="${CMAKE_SOURCE_DIR}/docs")
endfunction()

# penstock_shared_library(TARGET MODULE name OUTPUT file EXPORT name [SOURCES file...] [DEPENDS target...]): the module
# of this folder, and the folders' libraries that it stands on, as libFILE.so for programs that are not ours, who link
# penstock::EXPORT.
#
# The libraries go in whole, since what programs call may lie in any of them. The version script (exports.map) leaves
# only PENSTOCK_API names visible: templates of the standard library would be too.
function(penstock_shared_library target)
  cmake_parse_arguments(ARG "" "MODULE;OUTPUT;EXPORT" "SOURCES;DEPENDS" ${ARGN})
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/exports.map)
  add_library(${target} SHARED ${ARG_SOURCES} $<TARGET_OBJECTS:penstock_${ARG_MODULE}>)
  target_link_libraries(${target} PRIVATE penstock_options penstock_file ${ARG_DEPENDS})
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports} -Wl,--gc-sections)
  if(NOT PENSTOCK_SANITIZE)  # whose runtime is in the program, not in the library
    target_link_options(${target} PRIVATE -Wl,--no-undefined)
  endif()
  set_target_properties(${target} PROPERTIES
    LINKER_LANGUAGE CXX
    OUTPUT_NAME ${ARG_OUTPUT}
    EXPORT_NAME ${ARG_EXPORT}
    LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,penstock_file,penstock_disk,penstock_task,penstock_base"
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}
    LINK_DEPENDS ${exports}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
  add_library(penstock::${ARG_EXPORT} ALIAS ${target})
endfunction()
