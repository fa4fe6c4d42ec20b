// What the data has, and the tables of metrics that compare the targets.
'use strict'

// What says the same as a row beside it, or is seldom known well, is only among a scenario's figures.
const NOT_IN_VERDICT = /^mb_per_second$|(^|_)(p90|p99\.99|mean|min|max)_us$/

let data = null

function unique(values) {
  return [...new Set(values)]
}

function scenarios() {
  return unique([...data.summaries, ...data.runs].map(({ scenario }) => scenario))
}

function targets() {
  return unique([...data.summaries, ...data.runs, ...data.matrix].map(({ target }) => target))
}

function summariesOf(scenario) {
  return data.summaries.filter((summary) => summary.scenario === scenario)
}

function runsOf(scenario, repeat = null) {
  return data.runs.filter((run) => run.scenario === scenario && (repeat === null || run.repeat === repeat))
}

function hasFailed(scenario, target) {
  return summariesOf(scenario).some((summary) => summary.target === target && summary.failed.length > 0)
}

function slotOf(target) {
  if (target in TARGET_SLOTS) return TARGET_SLOTS[target]
  const others = targets().filter((other) => !(other in TARGET_SLOTS))
  const free = SLOTS - Object.keys(TARGET_SLOTS).length
  return Object.keys(TARGET_SLOTS).length + (others.indexOf(target) % free)
}

function targetLine(target, x, y, scenario) {
  const label = hasFailed(scenario, target) ? `${target} (failed)` : target
  return { label, ink: `target-${slotOf(target)}`, dash: DASHES[slotOf(target)], x, y }
}

function idOf(scenario) {
  return `scenario-${scenarios().indexOf(scenario) + 1}`
}

// By metric: {unit, better}, of all targets of a scenario; throughput first, then latencies.
function metricsOf(scenario) {
  const found = new Map()
  for (const summary of summariesOf(scenario)) {
    for (const [name, metric] of Object.entries(summary.metrics)) {
      if (!found.has(name)) found.set(name, metric)
    }
  }
  const rank = (name) => (name.endsWith('_per_second') ? 0 : name.endsWith('_us') ? 1 : 2)
  return [...found].sort(([a], [b]) => rank(a) - rank(b))
}

function inVerdict([name, { better }]) {
  return better !== 'neither' && !NOT_IN_VERDICT.test(name)
}

function bounds({ median, low, high }) {
  return [low ?? median, high ?? median]
}

// By target: 'best' where the range of its repeats touches nobody else's, 'level' for all that touch the best one's.
function ranking(scenario, name, better) {
  if (better === 'neither') return new Map()
  const sign = better === 'more' ? -1 : 1
  const racing = summariesOf(scenario)
    .filter(({ target, failed, metrics }) => target !== 'raw' && failed.length === 0 && isNumber(metrics[name]?.median))
    .sort((a, b) => sign * (a.metrics[name].median - b.metrics[name].median))
  if (racing.length < 2) return new Map()
  const [low, high] = bounds(racing[0].metrics[name])
  const level = racing.filter(({ metrics }) => {
    const [from, to] = bounds(metrics[name])
    return from <= high && low <= to
  })
  return new Map(level.map(({ target }) => [target, level.length === 1 ? 'best' : 'level']))
}

function ofRaw(scenario, name, value) {
  const raw = summariesOf(scenario).find(({ target }) => target === 'raw')?.metrics[name]?.median
  return raw > 0 && isNumber(value) ? value / raw : null
}

function metricCell(scenario, name, metric, target, rank) {
  if (!isNumber(metric?.median)) return element('td', UNKNOWN)
  const { median, unit, better } = metric
  const [low, high] = bounds(metric)
  const ratio = target === 'raw' || better === 'neither' ? null : ofRaw(scenario, name, median)
  return element(
    'td',
    { class: rank ?? null, ...shows({ table: 'metrics', scenario, metric: name, target }) },
    element(
      'span.ranked',
      element('span.value', withUnit(median, unit)),
      rank ? element('span.rank', rank === 'best' ? '\u2713 best' : '\u2248 level') : null,
    ),
    low < high ? element('small', rangeText(low, high, unit)) : null,
    ratio === null
      ? null
      : element('small', better === 'more' ? `${percent(ratio)} of raw` : `${digits(ratio)} \u00d7 raw`),
  )
}

function failedCell(scenario, target, reasons, rows) {
  return element(
    'td.failed',
    { rowspan: rows, ...shows({ table: 'failed', scenario, target }) },
    element('strong', 'FAILED'),
    reasons.map((reason) => element('small', reason)),
  )
}

// The rows of one scenario, a column for each of `columns`.
function metricRows(scenario, metrics, columns) {
  const byTarget = new Map(summariesOf(scenario).map((summary) => [summary.target, summary]))
  const shown = metrics.length ? metrics : [[null, null]]
  return shown.map(([name, described], index) => {
    const ranks = name === null ? new Map() : ranking(scenario, name, described.better)
    return element(
      'tr',
      element('th', { scope: 'row' }, name === null ? UNKNOWN : metricLabel(name)),
      columns.map((target) => {
        const summary = byTarget.get(target)
        if (summary?.failed.length)
          return index === 0 ? failedCell(scenario, target, summary.failed, shown.length) : null
        return metricCell(scenario, name, summary?.metrics[name], target, ranks.get(target))
      }),
    )
  })
}

function metricTable(label, columns, groups) {
  return scrolling(
    label,
    element(
      columns.length > 3 ? 'table.metrics.many' : 'table.metrics',
      { style: `--targets: ${columns.length}` },
      element(
        'thead',
        element(
          'tr',
          element('td'),
          columns.map((target) =>
            element('th', { scope: 'col' }, swatch(`target-${slotOf(target)}`, DASHES[slotOf(target)]), target),
          ),
        ),
      ),
      groups.map(({ heading, rows }) =>
        element(
          'tbody',
          heading
            ? element('tr', element('th.rows', { scope: 'rowgroup', colspan: columns.length + 1 }, heading))
            : null,
          rows,
        ),
      ),
    ),
  )
}
