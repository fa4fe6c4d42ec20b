// The matrix of a disk: how fast it is by block size and by how much is in flight.
'use strict'

function matrixSection() {
  if (data.matrix.length === 0) return null
  const cellsOf = (what, target) => data.matrix.filter((cell) => cell.what === what && cell.target === target)
  return section(
    'matrix',
    'Block size and depth',
    element(
      'p.read',
      'Rows are block sizes, columns are operations in flight; the stronger the colour, the more bytes per second.',
    ),
    unique(data.matrix.map(({ what }) => what)).map((what) =>
      element(
        'div',
        element('h3', what),
        element(
          'div.matrices',
          unique(data.matrix.map(({ target }) => target))
            .filter((target) => cellsOf(what, target).length)
            .map((target) =>
              element('figure', element('figcaption', target), matrixTable(what, target, cellsOf(what, target))),
            ),
        ),
      ),
    ),
  )
}

function matrixTable(what, target, cells) {
  const ordered = (name) => unique(cells.map((cell) => cell[name])).sort((a, b) => a - b)
  const most = Math.max(...data.matrix.filter((cell) => cell.what === what).map((cell) => cell.mb_per_second ?? 0))
  return table(
    `${what}, ${target}`,
    ['', ...ordered('depth').map((depth) => `${depth} in flight`)],
    ordered('block_bytes').map((block) => [
      withUnit(block, 'bytes'),
      ...ordered('depth').map((depth) => {
        const cell = cells.find((one) => one.block_bytes === block && one.depth === depth)
        return cell ? matrixCell(cell, most) : UNKNOWN
      }),
    ]),
  )
}

function matrixCell(cell, most) {
  const same = (name) => (one) => one[name] === cell[name]
  const raw = data.matrix
    .filter(({ target }) => target === 'raw')
    .filter(same('what'))
    .filter(same('block_bytes'))
    .find(same('depth'))?.mb_per_second
  const share = 100 * Math.sqrt((cell.mb_per_second ?? 0) / most)
  const { what, target, block_bytes, depth } = cell
  return element(
    'td.cell',
    {
      style: `background: color-mix(in srgb, var(--heat-cell) ${share.toFixed(0)}%, transparent)`,
      ...shows({ table: 'matrix', what, target, block_bytes, depth }),
    },
    element('span.value', withUnit(cell.mb_per_second, 'MB/s')),
    raw > 0 && target !== 'raw' ? element('small', `${percent(cell.mb_per_second / raw)} of raw`) : null,
    element('small', withUnit(cell.operations_per_second, '1/s')),
    isNumber(cell.p99_us) ? element('small', `p99 ${withUnit(cell.p99_us, 'us')}`) : null,
  )
}
