// How it was measured: all that one has to know to trust the figures, or to get them again.
'use strict'

// A result this near to what the client can do by itself says more of the client than of the server.
const CLIENT_LIMIT_SHARE = 0.8

function facts(heading, pairs) {
  const known = pairs.filter(([, value]) => value)
  if (known.length === 0) return null
  return element(
    'div',
    element('h3', heading),
    element(
      'dl',
      known.map(([name, value]) => [element('dt', name), element('dd', String(value))]),
    ),
  )
}

// What the system does not say is null, 0 or empty.
function machineFacts({ device, scheduler, logical_block_bytes, physical_block_bytes, ...machine }) {
  const blocks = logical_block_bytes
    ? `, blocks of ${logical_block_bytes} B (physical ${physical_block_bytes || UNKNOWN})`
    : ''
  return facts('Machine', [
    ['Processor', machine.processor && `${machine.processors || UNKNOWN} \u00d7 ${machine.processor}`],
    ['Memory', machine.memory_bytes && withUnit(machine.memory_bytes, 'bytes')],
    ['Kernel', machine.kernel],
    ['File system', machine.file_system && [machine.file_system, machine.mount_options].filter(Boolean).join(', ')],
    ['Device', device && device + blocks],
    ['Scheduler', scheduler],
    ['Write cache', machine.write_cache],
  ])
}

function modeFacts() {
  return facts(
    'Effective I/O mode',
    targets().map((target) => [
      target,
      unique(data.runs.filter((run) => run.target === target && run.io_mode).map((run) => run.io_mode)).join(', '),
    ]),
  )
}

function clientLimit() {
  const limit = data.client_limit
  if (!limit) return null
  const fastest = Math.max(0, ...data.summaries.map(({ metrics }) => metrics.messages_per_second?.median ?? 0))
  const share = fastest / limit.messages_per_second
  return element(
    'div',
    element('h3', 'The client\u2019s own limit'),
    element(
      'p',
      `Against a broker that keeps nothing the client does ${withUnit(limit.messages_per_second, '1/s')} and ` +
        `${withUnit(limit.mb_per_second, 'MB/s')}, with a produce p99 of ${withUnit(limit.produce_p99_us, 'us')}. `,
      Number.isFinite(share) ? `The fastest result is ${percent(share)} of it. ` : null,
      share >= CLIENT_LIMIT_SHARE ? element('strong', 'The client, not the server, may be what was measured.') : null,
    ),
  )
}

// The widest range of a verdict's metric over the repeats, as a share of its median.
function spreadText({ scenario, repeats, metrics }) {
  const spreads = metricsOf(scenario)
    .filter(inVerdict)
    .map(([name]) => [name, metrics[name]])
    .filter(([, metric]) => isNumber(metric?.low) && isNumber(metric.high) && metric.median > 0)
    .map(([name, { low, high, median }]) => [(high - low) / median, name])
  const [spread, name] = spreads.sort(([a], [b]) => b - a)[0] ?? []
  const count = repeats === 1 ? '1 repeat' : `${repeats ?? UNKNOWN} repeats`
  return repeats > 1 && name
    ? [count, element('small', `up to ${percent(spread)} apart (${metricLabel(name)})`)]
    : [count]
}

function repeatTable() {
  const columns = unique(data.summaries.map(({ target }) => target))
  if (columns.length === 0) return null
  const counts = ({ distributions }) =>
    Object.entries(distributions).map(([name, { count }]) =>
      element('small', `${isNumber(count) ? digits(count) : UNKNOWN} ${metricLabel(name)} samples`),
    )
  const rows = scenarios().map((scenario) => [
    scenario,
    ...columns.map((target) => {
      const summary = summariesOf(scenario).find((one) => one.target === target)
      return element('td', ...(summary ? [...spreadText(summary), ...counts(summary)] : [UNKNOWN]))
    }),
  ])
  return element('div.wide', element('h3', 'Repeats and samples'), table('Repeats and samples', ['', ...columns], rows))
}

function losses() {
  const checked = data.runs.filter(({ lost }) => isNumber(lost))
  const wrong = data.runs.filter((run) => run.lost || run.out_of_order || run.duplicated || run.failures?.length)
  if (data.runs.length === 0 || (data.kind !== 'stream' && wrong.length === 0)) return null
  const total = checked.reduce((sum, { messages }) => sum + (messages ?? 0), 0)
  const words =
    checked.length === 0
      ? 'Losses were not checked.'
      : `${checked.length} of ${data.runs.length} runs were checked message by message, ${digits(total)} messages` +
        (wrong.length ? '.' : ': nothing was lost, reordered or duplicated.')
  return element(
    'div.wide',
    element('h3', 'Losses'),
    element('p', words),
    wrong.length === 0
      ? null
      : table(
          'Losses',
          ['run', 'lost', 'out of order', 'duplicated', 'failures'],
          wrong.map((run) => [
            `${run.scenario}, ${run.target}, repeat ${run.repeat}`,
            ...[run.lost, run.out_of_order, run.duplicated].map((count) => (isNumber(count) ? digits(count) : UNKNOWN)),
            (run.failures ?? []).join('; '),
          ]),
        ),
  )
}

function notes() {
  if (data.notes.length === 0) return null
  return element(
    'div.wide',
    element('h3', 'Notes'),
    element(
      'ul',
      data.notes.map((note) => element('li', note)),
    ),
  )
}

function fairness() {
  return section(
    'measured',
    'How it was measured',
    element(
      'div.fairness',
      machineFacts(data.machine ?? {}),
      facts('Setup', Object.entries(data.setup ?? {})),
      modeFacts(),
      clientLimit(),
      repeatTable(),
      losses(),
      notes(),
    ),
  )
}
