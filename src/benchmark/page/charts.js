// The charts: uPlot draws lines and heat, boxes show what a whole consists of.
//
// A chart is described by what it shows ({chart, scenario, ...}, which also names it in #drawn), its x and y axis
// (from the functions below) and its lines. It is put on the page empty and drawn by drawCharts(), since its width is
// known only then. Colours are asked for at each drawing: the theme changes, and paper is always light.
'use strict'

// A target keeps its colour and dashes in every report; others than these take the slots that are left.
const TARGET_SLOTS = { direct: 0, uncached: 1, buffered: 2, raw: 3 }
const SLOTS = 6
// Besides the colour, for those who do not tell colours apart.
const DASHES = [[], [8, 4], [3, 4], [10, 3, 2, 3], [14, 4], [4, 2]]
const PARTS = 8 // colours for the parts of a whole
const HEAT_STEPS = 6
const PART_WITH_NUMBER = 1 / 30 // of the longest bar: a smaller part has no room for its number
const MARKS_MAX = 6 // of a logarithmic axis, before only whole decades are marked
const FONT = '12px system-ui, sans-serif'

// Pixels of a canvas for one of CSS. uPlot takes this when its script runs, which is after this one. Two are sharp on
// paper, and where a phone has three, its memory would not do for all the charts of a long report.
window.devicePixelRatio = 2

const waiting = [] // charts that are on the page, but not drawn
const charts = [] // {box, plot, spec}
const bars = [] // {box, spec}
let palette = new Map()

function colour(name) {
  if (!palette.has(name)) {
    palette.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim())
  }
  return palette.get(name)
}

function minMax(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity])
}

// To steps of 1, 2, 5; what is a step but for rounding stays.
function roundDown(value) {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9)
  return decade * [5, 2, 1].find((step) => value >= step * decade * (1 - 1e-8))
}

function roundUp(value) {
  const decade = 10 ** Math.floor(Math.log10(value) + 1e-9)
  return decade * [1, 2, 5, 10].find((step) => value <= step * decade * (1 + 1e-8))
}

function within(values, [low, high]) {
  return values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
}

function logSplits(range) {
  const decades = []
  for (let decade = 10 ** Math.floor(Math.log10(range[0]) + 1e-9); decade <= range[1] * 1.001; decade *= 10) {
    decades.push(decade)
  }
  const fine = within(
    decades.flatMap((decade) => [decade, 2 * decade, 5 * decade]),
    range,
  )
  return fine.length <= MARKS_MAX ? fine : within(decades, range)
}

// Axes: {distr, range, text} and what uPlot needs for the marks. `values`: all that has to fit in.

function latencyAxis(values) {
  const known = values.filter((value) => value > 0)
  const [low, high] = known.length ? minMax(known) : [1, 10]
  let range = [roundDown(low), roundUp(high)]
  if (range[1] < 5 * range[0]) range = [roundDown(range[0] / 1.5), roundUp(range[1] * 1.5)]
  return { distr: 3, range, splits: logSplits(range), text: (us) => withUnit(us, 'us') }
}

function linearAxis(values, unit, least = 0) {
  const known = values.filter(isNumber)
  const incrs =
    unit === 'bytes'
      ? Array.from({ length: 50 }, (_, power) => 2 ** power)
      : [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power))
  return {
    distr: 1,
    range: [0, 1.05 * minMax([least, ...known])[1] || 1],
    incrs,
    text: (value) => withUnit(value, unit),
  }
}

// Before 0 was the warm-up.
function timeAxis(times) {
  return { ...linearAxis([], 's'), range: minMax([0, 1, ...times]), text: (second) => `${digits(second)} s` }
}

// How many nines a percentile has: 90 is at 1, 99 at 2.
function nines(percentile) {
  return -Math.log10(1 - percentile / 100)
}

function ninesAxis(values) {
  const range = [0, minMax([2, ...values])[1]]
  const text = (x) => `${Number((100 * (1 - 10 ** -x)).toPrecision(Math.max(2, Math.ceil(x) + 1)))}`
  return { distr: 1, range, splits: within([0, nines(50), 1, 2, 3, 4, 5, 6, 7], range), text, prefix: 'p' }
}

// A chart of its own, to be drawn. spec: {of, title, x, y, lines: [{label, ink, dash, x: [], y: []}]}, and what not
// every chart has:
//   height
//   events   [{t, number}], marked where they were
//   heat     {t, cells, perOctave, most}, under the lines
//   points   by line, whether each of its points was sustained
//   tell     (plot) => the cursor's lines of text, instead of the values of all lines
//   sync     a name: charts of the same name share the cursor
function chart(spec) {
  const box = element('div', {
    class: 'chart',
    tabindex: 0,
    role: 'group',
    'aria-label': `${spec.title}: ${spec.lines.map((line) => line.label).join(', ')}. Left and right arrow: values.`,
  })
  waiting.push({ box, spec })
  return element('figure', element('figcaption', spec.title), box)
}

function uplotAxis(scale, axis, size) {
  return {
    scale,
    size,
    font: FONT,
    gap: 4,
    space: scale === 'x' ? 56 : 26,
    stroke: () => colour('soft'),
    grid: { width: 1, stroke: () => colour('line') },
    ticks: { width: 1, size: 4, stroke: () => colour('line') },
    values: (_, splits) => splits.map((split) => (split === null ? null : shortest(axis.text(split)))),
    ...(axis.splits ? { splits: () => axis.splits } : { incrs: axis.incrs }),
  }
}

// A logarithm cannot show 0, which then is as good as unknown.
function fitting(axis, values) {
  return values.map((value) => (isNumber(value) && (axis.distr === 1 || value > 0) ? value : null))
}

function joined({ x, y, lines }) {
  if (lines.length === 0) return [[], []]
  return uPlot.join(lines.map((line) => [fitting(x, line.x), fitting(y, line.y)]))
}

function draw({ box, spec }) {
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: spec.height ?? 220,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, ...(spec.sync ? { sync: { key: spec.sync } } : {}) },
      scales: {
        x: { time: false, range: () => spec.x.range },
        y: { distr: spec.y.distr, range: () => spec.y.range },
      },
      axes: [uplotAxis('x', spec.x, 28), uplotAxis('y', spec.y, 62)],
      series: [
        {},
        ...spec.lines.map((line) => ({
          label: line.label,
          width: spec.heat ? 1 : 2,
          dash: line.dash,
          stroke: () => colour(line.ink),
          ...(spec.heat ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
          points: spec.heat || spec.points ? { show: false } : { fill: () => colour('paper') },
        })),
      ],
      hooks: {
        drawAxes: spec.heat ? [(self) => paintHeat(self, spec.heat)] : [],
        draw: [
          (self) => paintEvents(self, spec.events ?? []),
          ...(spec.points ? [(self) => paintPoints(self, spec)] : []),
        ],
        setCursor: [(self) => showValues(self, spec)],
      },
    },
    joined(spec),
    box,
  )
  plot.over.append(element('div.values', { hidden: '' }))
  box.addEventListener('keydown', (event) => moveCursor(event, plot, spec))
  box.addEventListener('blur', () => plot.setCursor({ left: -10, top: -10 }))
  charts.push({ box, plot, spec })
}

// What of `charts` and `bars` is no longer on the page is forgotten.
function drawCharts() {
  for (const list of [charts, bars]) {
    const kept = list.filter(({ box }) => box.isConnected)
    list.filter(({ plot, box }) => plot && !box.isConnected).forEach(({ plot }) => plot.destroy())
    list.splice(0, list.length, ...kept)
  }
  waiting.splice(0).forEach((one) => attempt(one.spec.title, () => draw(one)))
}

// After the window, the theme or the medium has changed.
function redrawCharts() {
  palette = new Map()
  for (const { box, plot } of charts) {
    plot.setSize({ width: box.clientWidth, height: plot.height })
    plot.redraw()
  }
}

// Painting. Positions are the canvas's own pixels.

function paintHeat(plot, { t, cells, perOctave, most }) {
  const { ctx, bbox } = plot
  const at = (value, scale) => plot.valToPos(value, scale, true)
  ctx.save()
  ctx.beginPath()
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height)
  ctx.clip()
  for (const [index, bucket, count] of cells) {
    const [left, right] = [at(t[index], 'x'), at(t[index + 1] ?? t[index] + 1, 'x')].map(Math.round)
    const [bottom, top] = [bucket, bucket + 1].map((edge) => Math.round(at(2 ** (edge / perOctave), 'y')))
    ctx.fillStyle = colour(`heat-${heatStep(count, most)}`)
    ctx.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top))
  }
  ctx.restore()
}

// By the logarithm: one slow operation among thousands has to be seen.
function heatStep(count, most) {
  return Math.min(HEAT_STEPS - 1, Math.floor((HEAT_STEPS * Math.log(count)) / Math.log(most + 1)))
}

function paintEvents(plot, events) {
  const { ctx, bbox } = plot
  const unit = ctx.canvas.width / plot.width
  ctx.save()
  ctx.lineWidth = unit
  ctx.strokeStyle = ctx.fillStyle = colour('ink')
  ctx.font = `${11 * unit}px system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'top'
  for (const { t, number } of events) {
    const x = Math.round(plot.valToPos(t, 'x', true))
    ctx.setLineDash([3 * unit, 3 * unit])
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    ctx.fillText(number, x + 3 * unit, bbox.top + unit)
  }
  ctx.restore()
}

// Filled where the load was sustained, hollow where it was not.
function paintPoints(plot, { lines, points }) {
  const { ctx } = plot
  const unit = ctx.canvas.width / plot.width
  ctx.save()
  ctx.lineWidth = 2 * unit
  ctx.setLineDash([])
  lines.forEach((line, lineIndex) =>
    line.x.forEach((x, index) => {
      if (!isNumber(x) || !isNumber(line.y[index])) return
      ctx.beginPath()
      ctx.arc(plot.valToPos(x, 'x', true), plot.valToPos(line.y[index], 'y', true), 4 * unit, 0, 2 * Math.PI)
      ctx.strokeStyle = colour(line.ink)
      ctx.fillStyle = points[lineIndex][index] ? colour(line.ink) : colour('paper')
      ctx.fill()
      ctx.stroke()
    }),
  )
  ctx.restore()
}

// The cursor: by pointer, or by keyboard when the chart has the focus.

// The lines of a chart need not have a point at each x: the nearest one counts.
function nearest(values, index) {
  for (let step = 0; step < values.length; ++step) {
    const found = [values[index - step], values[index + step]].find(isNumber)
    if (found !== undefined) return found
  }
  return null
}

function valuesAt(plot, spec, index) {
  const x = (spec.x.prefix ?? '') + spec.x.text(plot.data[0][index])
  // In a gap of time there is no value; a percentile curve has only fewer points.
  const value = (values) => (spec.x.prefix ? nearest(values, index) : values[index])
  return [x, ...spec.lines.map((line, lineIndex) => `${line.label} ${spec.y.text(value(plot.data[lineIndex + 1]))}`)]
}

function showValues(plot, spec) {
  const note = plot.over.querySelector('.values')
  if (!note) return
  const { idx, left } = plot.cursor
  note.hidden = !(left >= 0) || !isNumber(idx)
  if (note.hidden) return
  const lines = spec.tell ? spec.tell(plot) : valuesAt(plot, spec, idx)
  note.replaceChildren(...lines.map((line) => element('div', line)))
  const width = plot.over.clientWidth
  note.style.left = left < width / 2 ? `${left + 10}px` : ''
  note.style.right = left < width / 2 ? '' : `${width - left + 10}px`
}

function moveCursor(event, plot, spec) {
  const last = plot.data[0].length - 1
  const now = plot.cursor.left >= 0 ? plot.cursor.idx : null
  const next = { ArrowLeft: (now ?? last + 1) - 1, ArrowRight: (now ?? -1) + 1, Home: 0, End: last }[event.key]
  if (next === undefined || last < 0) return
  event.preventDefault()
  const index = Math.min(last, Math.max(0, next))
  plot.setCursor({ left: plot.valToPos(plot.data[0][index], 'x'), top: 10 })
  const lines = spec.tell ? spec.tell(plot) : valuesAt(plot, spec, index)
  document.getElementById('spoken').textContent = lines.join(', ')
}

// Keys to the charts.

function swatch(ink, dash) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('class', 'swatch')
  svg.setAttribute('viewBox', '0 0 28 8')
  svg.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS(svg.namespaceURI, 'path')
  line.setAttribute('d', 'M0 4H28')
  line.setAttribute('style', `stroke: var(--${ink}); stroke-dasharray: ${dash.join(' ') || 'none'}`)
  svg.append(line)
  return svg
}

function key(lines) {
  return element(
    'p.key',
    lines.map(({ label, ink, dash }) => element('span', swatch(ink, dash), label)),
  )
}

function heatKey(most) {
  const least = (step) => Math.ceil((most + 1) ** (step / HEAT_STEPS))
  const steps = Array.from({ length: HEAT_STEPS }, (_, step) => step).filter((step) => least(step) <= most)
  return element(
    'p.key',
    'operations: ',
    steps.map((step) =>
      element('span', element('i.box', { style: `background: var(--heat-${step})` }), `from ${digits(least(step))}`),
    ),
  )
}

// One bar for each row, in parts; all to the same scale. rows: [{label, parts: [[name, value]]}].
function stackedBars(of, rows, text) {
  const sum = (parts) => parts.reduce((total, [, value]) => total + (value ?? 0), 0)
  const longest = Math.max(...rows.map(({ parts }) => sum(parts)))
  const names = [...new Set(rows.flatMap(({ parts }) => parts.map(([name]) => name)))]
  const box = element(
    'div.bars',
    rows.map(({ label, parts }) => [
      element('span.bar-label', label),
      element(
        'div.bar',
        parts.map(([name, value]) => {
          const index = names.indexOf(name)
          const share = (value ?? 0) / longest
          return element(
            'span.part',
            {
              title: `${name}: ${text(value)}`,
              style: `width: ${100 * share}%; background: var(--part-${index % PARTS})`,
            },
            share > PART_WITH_NUMBER ? String(index + 1) : '',
          )
        }),
        element('span.total', text(sum(parts))),
      ),
    ]),
  )
  bars.push({ box, spec: { of, rows } })
  return { box, names }
}

// What was given to the charts, for whoever checks the page.
function drawn() {
  const pairs = (xs, ys) => xs.map((x, index) => [x, ys[index]]).filter(([, y]) => isNumber(y))
  return [
    ...charts.map(({ plot, spec }) => ({
      ...spec.of,
      series: plot.series
        .slice(1)
        .map(({ label }, index) => ({ label, points: pairs(plot.data[0], plot.data[index + 1]) })),
      ...(spec.heat ? { cells: spec.heat.cells } : {}),
    })),
    ...bars.map(({ spec }) => ({
      ...spec.of,
      series: spec.rows.map(({ label, parts }) => ({ label, points: parts })),
    })),
  ]
}
