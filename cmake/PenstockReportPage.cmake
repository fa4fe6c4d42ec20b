# Where the page's packages are installed, and its source is made.
set(PENSTOCK_REPORT_PAGE_DIRECTORY ${CMAKE_BINARY_DIR}/report_page)
set(PENSTOCK_UPLOT_DIRECTORY ${PENSTOCK_REPORT_PAGE_DIRECTORY}/node_modules/uplot)

# penstock_report_page(OUT_VARIABLE): the path of the source behind benchmark/page.h, made from src/benchmark/page.
#
# npm runs again only when package.json or its lock file have changed; bundle.py, when a file of the page has.
function(penstock_report_page out_variable)
  find_program(PENSTOCK_NPM npm)
  if(NOT PENSTOCK_NPM)
    message(FATAL_ERROR "There is no npm, which fetches the charts of `penstock bench`. Run scripts/setup.")
  endif()
  set(page ${CMAKE_SOURCE_DIR}/src/benchmark/page)
  set(made ${PENSTOCK_REPORT_PAGE_DIRECTORY})
  set(packages ${page}/package.json ${page}/package-lock.json)
  set(installed ${made}/installed)
  file(MAKE_DIRECTORY ${made})
  add_custom_command(
    OUTPUT ${installed}
    COMMAND ${CMAKE_COMMAND} -E copy ${packages} ${made}
    COMMAND ${PENSTOCK_NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
    COMMAND ${CMAKE_COMMAND} -E touch ${installed}
    DEPENDS ${packages}
    WORKING_DIRECTORY ${made}
    COMMENT "Fetching uPlot"
    VERBATIM)

  file(GLOB sources CONFIGURE_DEPENDS ${page}/*.html ${page}/*.css ${page}/*.js)
  set(source ${made}/page.cc)
  add_custom_command(
    OUTPUT ${source}
    COMMAND /usr/bin/python3 ${page}/bundle.py --uplot ${PENSTOCK_UPLOT_DIRECTORY} ${source}
    DEPENDS ${installed} ${page}/bundle.py ${sources}
    COMMENT "Making the page of bench reports"
    VERBATIM)
  set(${out_variable} ${source} PARENT_SCOPE)
endfunction()
