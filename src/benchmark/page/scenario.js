// The section of a scenario: its figures, its percentile curves, and what happened over time.
'use strict'

const QUANTITIES = { p50_us: 'p50', p99_us: 'p99', max_us: 'slowest' }
const MEMORY = ['rss_bytes', 'page_cache_bytes', 'dirty_bytes', 'writeback_bytes']
const PRESSURE = ['psi_io', 'psi_memory', 'psi_cpu', 'stolen_percent']
const SWEEP = {
  produce_p50_us: 'produce p50',
  produce_p99_us: 'produce p99',
  consume_p99_us: 'consume p99',
  achieved_per_second: 'achieved rate',
}

// Side by side: four are two rows of two.
function columnsFor(count) {
  return count === 4 ? 2 : Math.min(3, count)
}

// Charts under one heading, with one sentence on how they are read. Nothing where there is nothing to show.
function group(heading, read, figures, columns, ...more) {
  if (figures.length === 0) return null
  return element(
    'div.group',
    element('h3', heading),
    element('p.read', read),
    more,
    element('div.charts', { style: `--columns: ${columns}` }, figures),
  )
}

function hasPoints(lines) {
  return lines.some(({ y }) => y.some(isNumber))
}

function loadText(scenario) {
  const run = runsOf(scenario)[0]
  if (!run) return null
  const load = {
    open: 'Open loop: load is offered on schedule, and waiting counts',
    closed: 'Closed loop: the next operation waits for the one before',
  }[run.loop]
  const offered = run.offered_per_second > 0 ? `${withUnit(run.offered_per_second, '1/s')} offered` : null
  const words = [load, offered].filter(Boolean).join('; ')
  return words ? element('p.read', `${words}.`) : null
}

function curves(scenario) {
  const summaries = summariesOf(scenario)
  return unique(summaries.flatMap(({ distributions }) => Object.keys(distributions))).flatMap((distribution) => {
    const having = summaries.filter(({ distributions }) => distributions[distribution]?.curve.length)
    const lines = having.map(({ target, distributions }) => {
      const { curve } = distributions[distribution]
      return targetLine(
        target,
        curve.map(([percentile]) => nines(percentile)),
        curve.map(([, us]) => us),
        scenario,
      )
    })
    if (!hasPoints(lines)) return []
    return [
      element(
        'div',
        chart({
          of: { chart: 'curve', scenario, distribution },
          title: metricLabel(distribution),
          x: ninesAxis(lines.flatMap(({ x }) => x)),
          y: latencyAxis(lines.flatMap(({ y }) => y)),
          height: 260,
          lines,
        }),
        key(lines),
        percentileTable(scenario, distribution, having),
      ),
    ]
  })
}

function curveGroup(scenario) {
  const figures = curves(scenario)
  return group(
    'Latency by percentile',
    'At p99, 99 of 100 operations took no longer than the line shows; further right are the rare, slow ones. ' +
      'All repeats together.',
    figures,
    Math.min(2, figures.length),
  )
}

function percentileTable(scenario, distribution, summaries) {
  const names = unique(
    summaries.flatMap(({ distributions }) => Object.keys(distributions[distribution].percentiles)),
  ).sort((a, b) => a - b)
  return element(
    'details',
    element('summary', `Percentiles of ${metricLabel(distribution)}`),
    table(
      `Percentiles of ${metricLabel(distribution)}`,
      ['', ...summaries.map(({ target }) => target)],
      [...names.map((name) => [`p${name}`, name]), ['slowest', null]].map(([label, name]) => [
        label,
        ...summaries.map(({ target, distributions }) => {
          const { percentiles, max_us } = distributions[distribution]
          const us = name === null ? max_us : percentiles[name]
          return element(
            'td',
            shows({ table: 'percentiles', scenario, distribution, percentile: name ?? 'max', target }),
            element('span.value', withUnit(us, 'us')),
          )
        }),
      ]),
    ),
  )
}

// Over time: charts of the runs of one repeat.

// The events of several runs at their times, each once, numbered.
function eventsOf(runs) {
  const found = new Map(
    runs.flatMap(({ events }) => events).map(({ t, what }) => [`${Math.round(t)} ${what}`, { t, what }]),
  )
  return [...found.values()].sort((a, b) => a.t - b.t).map((event, index) => ({ ...event, number: index + 1 }))
}

function eventList(runs) {
  const events = eventsOf(runs)
  if (events.length === 0) return null
  return element(
    'p.events',
    'Events: ',
    events.map(({ t, what, number }) => element('span', `${number}, at ${digits(t)} s: ${what}`)),
  )
}

function distributionsOverTime(runs) {
  return unique(runs.flatMap(({ seconds }) => Object.keys(seconds ?? {})))
}

function perSecond(scenario, repeat, runs, distribution) {
  const having = runs.filter(({ seconds }) => seconds?.[distribution]?.t.length)
  const lines = (quantity) =>
    having.map(({ target, seconds }) =>
      targetLine(target, seconds[distribution].t, seconds[distribution][quantity], scenario),
    )
  const all = Object.keys(QUANTITIES).flatMap(lines)
  if (!hasPoints(all)) return null
  const [x, y] = [timeAxis(all.flatMap(({ x }) => x)), latencyAxis(all.flatMap(({ y }) => y))]
  return group(
    `${metricLabel(distribution)}, second by second`,
    'Each point is one second, and lower is better; a gap is a second in which nothing was finished.',
    Object.entries(QUANTITIES).map(([quantity, title]) =>
      chart({
        of: { chart: 'seconds', scenario, distribution, quantity, repeat },
        title,
        x,
        y,
        lines: lines(quantity),
        height: 190,
        events: eventsOf(having),
        sync: `${scenario} seconds`,
      }),
    ),
    3,
    key(lines('p99_us')),
  )
}

function heatmaps(scenario, repeat, runs, distribution) {
  const having = runs.filter(({ seconds }) => seconds?.[distribution]?.heat.length)
  if (having.length === 0) return null
  const of = having.map(({ seconds }) => seconds[distribution])
  const most = minMax(of.flatMap(({ heat }) => heat.map(([, , count]) => count)))[1]
  const edges = of.flatMap(({ heat, buckets_per_octave: perOctave }) =>
    heat.flatMap(([, bucket]) => [2 ** (bucket / perOctave), 2 ** ((bucket + 1) / perOctave)]),
  )
  const y = latencyAxis([...minMax(edges), ...minMax(of.flatMap(({ max_us }) => max_us.filter(isNumber)))])
  const x = timeAxis(of.flatMap(({ t }) => t.map((second) => second + 1)))
  return group(
    `${metricLabel(distribution)}, every operation`,
    'Each column is one second; the stronger the colour, the more operations had that latency. ' +
      'The line is the slowest one.',
    having.map((run) =>
      chart({
        of: { chart: 'heat', scenario, distribution, target: run.target, repeat },
        title: run.target,
        x,
        y,
        height: 190,
        lines: [
          {
            label: 'slowest',
            ink: 'ink',
            dash: [],
            x: run.seconds[distribution].t,
            y: run.seconds[distribution].max_us,
          },
        ],
        heat: heatOf(run.seconds[distribution], most),
        tell: (plot) => heatText(plot, run.seconds[distribution]),
        events: eventsOf([run]),
        sync: `${scenario} heat`,
      }),
    ),
    columnsFor(having.length),
    heatKey(most),
  )
}

function heatOf({ t, heat, buckets_per_octave: perOctave }, most) {
  return { t, cells: heat, perOctave, most }
}

// A column begins at its second, so that the nearest point of the line may be the next one's.
function heatText(plot, { t, count, max_us, heat, buckets_per_octave: perOctave }) {
  const { left, top } = plot.cursor
  const index = Math.max(
    0,
    t.findLastIndex((second) => second <= plot.posToVal(left + 0.5, 'x')),
  )
  const lines = [
    `${digits(t[index])} s`,
    `slowest ${withUnit(max_us[index], 'us')}`,
    `${digits(count[index] ?? 0)} operations`,
  ]
  const bucket = Math.floor(perOctave * Math.log2(plot.posToVal(top, 'y')))
  const cell = heat.find(([second, at]) => second === index && at === bucket)
  return cell
    ? [...lines, `${digits(cell[2])} of ${rangeText(2 ** (bucket / perOctave), 2 ** ((bucket + 1) / perOctave), 'us')}`]
    : lines
}

function stages(scenario, repeat, runs) {
  const rows = runs
    .filter((run) => run.stages?.some(({ mean_us }) => isNumber(mean_us)))
    .map((run) => ({ label: run.target, parts: run.stages.map(({ name, mean_us }) => [name, mean_us]) }))
  if (rows.length === 0) return null
  const { box, names } = stackedBars({ chart: 'stages', scenario, repeat }, rows, (us) => withUnit(us, 'us'))
  const stageText = (run, name) => {
    const stage = run.stages?.find((one) => one.name === name)
    if (!stage) return UNKNOWN
    return [
      withUnit(stage.mean_us, 'us'),
      isNumber(stage.p99_us) ? element('small', `p99 ${withUnit(stage.p99_us, 'us')}`) : null,
    ]
  }
  return element(
    'div.group',
    element('h3', 'Where the time goes'),
    element('p.read', 'A bar is the mean time of one message; its parts are the stages of the table below it.'),
    box,
    table(
      'Stages',
      ['', ...runs.map(({ target }) => target)],
      names.map((name, index) => [
        [element('i.box', { style: `background: var(--part-${index % PARTS})` }, String(index + 1)), ` ${name}`],
        ...runs.map((run) => element('td', [stageText(run, name)].flat().filter(Boolean))),
      ]),
    ),
  )
}

// One chart for each target, of what was sampled under `names`.
function sampled(scenario, repeat, runs, { kind, heading, read, names, unit, least }) {
  const having = runs.filter(({ samples }) => names.some((name) => samples?.[name]?.some(isNumber)))
  if (having.length === 0) return null
  const values = having.flatMap(({ samples }) => names.flatMap((name) => samples[name] ?? []))
  const [x, y] = [timeAxis(having.flatMap(({ samples }) => samples.t)), linearAxis(values, unit, least)]
  const lines = ({ samples }) =>
    names
      .filter((name) => samples[name]?.length)
      .map((name) => ({
        label: metricLabel(name),
        ink: `part-${names.indexOf(name)}`,
        dash: DASHES[names.indexOf(name)],
        x: samples.t,
        y: samples[name],
      }))
  return group(
    heading,
    x.range[0] < 0 ? `${read} Before 0 s was the warm-up.` : read,
    having.map((run) =>
      chart({
        of: { chart: kind, scenario, target: run.target, repeat },
        title: run.target,
        x,
        y,
        lines: lines(run),
        height: 150,
        events: eventsOf([run]),
        sync: `${scenario} samples`,
      }),
    ),
    columnsFor(having.length),
    key(having.flatMap(lines).filter(({ label }, index, all) => all.findIndex((one) => one.label === label) === index)),
  )
}

function overTime(scenario, repeat) {
  const runs = runsOf(scenario, repeat)
  const names = distributionsOverTime(runs)
  return [
    sweep(scenario, repeat, runs),
    names.map((name) => [perSecond(scenario, repeat, runs, name), heatmaps(scenario, repeat, runs, name)]),
    eventList(runs),
    stages(scenario, repeat, runs),
    sampled(scenario, repeat, runs, {
      kind: 'memory',
      heading: 'Memory',
      names: MEMORY,
      unit: 'bytes',
      read:
        'What the process holds, and what the kernel holds for files: ' +
        'cached, not yet written (dirty), being written (writeback).',
    }),
    sampled(scenario, repeat, runs, {
      kind: 'pressure',
      heading: 'Pressure',
      names: PRESSURE,
      unit: '%',
      least: 5,
      read: 'The share of time in which at least one task waited for I/O, memory or a processor, and of the processors\u2019 time that the hypervisor kept.',
    }),
  ].flat(2)
}

function sweep(scenario, repeat, runs) {
  const having = runs
    .filter(({ points }) => points?.length)
    .map((run) => ({ ...run, points: run.points.toSorted((a, b) => a.offered_per_second - b.offered_per_second) }))
  const lines = (quantity) =>
    having.map(({ target, points }) =>
      targetLine(
        target,
        points.map(({ offered_per_second: offered }) => offered),
        points.map((point) => point[quantity]),
        scenario,
      ),
    )
  const shown = Object.keys(SWEEP).filter((quantity) => hasPoints(lines(quantity)))
  if (shown.length === 0) return null
  const axis = (quantity, values) => (quantity.endsWith('_us') ? latencyAxis(values) : linearAxis(values, '1/s'))
  return group(
    'Latency against throughput',
    'To the right more is offered; a filled point was sustained, a hollow one was not. ' +
      'Where a line turns up is what the target can do.',
    shown.map((quantity) =>
      chart({
        of: { chart: 'sweep', scenario, quantity, repeat },
        title: SWEEP[quantity],
        x: linearAxis(
          lines(quantity).flatMap(({ x }) => x),
          '1/s',
        ),
        y: axis(
          quantity,
          lines(quantity).flatMap(({ y }) => y),
        ),
        lines: lines(quantity),
        points: having.map(({ points }) => points.map(({ sustained }) => sustained)),
      }),
    ),
    2,
    key(lines(shown[0])),
  )
}

function repeatSelect(repeats, onChange) {
  if (repeats.length < 2) return null
  const select = element(
    'select',
    repeats.map((repeat) => element('option', { value: repeat }, String(repeat))),
  )
  select.addEventListener('change', () => onChange(Number(select.value)))
  return element('p.choice', element('label', 'From here on, repeat ', select))
}

function scenarioSection(scenario) {
  const columns = unique(summariesOf(scenario).map(({ target }) => target))
  const repeats = unique(runsOf(scenario).map(({ repeat }) => repeat)).sort((a, b) => a - b)
  const time = element('div')
  const show = (repeat) =>
    attempt(scenario, () => {
      time.replaceChildren(...overTime(scenario, repeat).filter(Boolean))
      if (time.isConnected) finish()
    })
  if (repeats.length) show(repeats[0])
  return section(
    idOf(scenario),
    scenario,
    loadText(scenario),
    columns.length
      ? element(
          'details',
          element('summary', 'All figures'),
          metricTable(`All figures of ${scenario}`, columns, [
            { rows: metricRows(scenario, metricsOf(scenario), columns) },
          ]),
        )
      : null,
    attempt(scenario, () => curveGroup(scenario)),
    time.hasChildNodes() ? repeatSelect(repeats, show) : null,
    time,
  )
}
