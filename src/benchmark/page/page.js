// The report: from the data of one run to the page, in the order in which a person asks.
//
// Whatever fails is said on the page and in the data-errors of its first element, and the rest is still shown.
'use strict'

const KIND_TITLES = { stream: 'Message streams compared', disk: 'Disk access compared' }

const errors = []

function fail(what, error) {
  errors.push(`${what}: ${error?.message ?? error}`)
  document.documentElement.dataset.errors = JSON.stringify(errors)
  document.getElementById('head').append(element('p.warning', `Not everything could be shown. ${errors.at(-1)}`))
}

function attempt(what, action) {
  try {
    return action()
  } catch (error) {
    fail(what, error)
    return null
  }
}

function section(id, heading, ...content) {
  return element(
    'section',
    { id, 'aria-labelledby': `${id}-heading` },
    element('h2', { id: `${id}-heading` }, heading),
    content,
  )
}

function verdictText() {
  const [least, most] = minMax(data.summaries.map(({ repeats }) => repeats ?? 1))
  if (most === 1) {
    return 'One repeat: how much these figures vary by chance is not known; \u201cbest\u201d is said of these alone.'
  }
  return (
    `Medians of ${least === most ? most : `${least} to ${most}`} repeats, with their range. ` +
    '\u201cBest\u201d: its range touches no other. ' +
    '\u201cLevel\u201d: the ranges overlap, so the repeats do not tell them apart.'
  )
}

function verdict() {
  const finished = scenarios().filter((scenario) => summariesOf(scenario).length)
  if (finished.length === 0) return section('verdict', 'Verdict', element('p', 'No scenario has finished.'))
  const columns = unique(data.summaries.map(({ target }) => target))
  const groups = finished.map((scenario) => ({
    heading: element('a', { href: `#${idOf(scenario)}` }, scenario),
    rows: metricRows(scenario, metricsOf(scenario).filter(inVerdict), columns),
  }))
  return section('verdict', 'Verdict', element('p.read', verdictText()), metricTable('Verdict', columns, groups))
}

// When, how long, on what.
function occasion() {
  const { file_system, device, kernel } = data.machine ?? {}
  const parts = [
    data.started && `Started ${data.started.replace('T', ' ').replace('Z', ' UTC')}`,
    isNumber(data.seconds) && `took ${spanText(data.seconds)}`,
    file_system && `on ${file_system}`,
    device && `device ${device}`,
    kernel && `Linux ${kernel}`,
  ].filter(Boolean)
  return parts.length ? element('p.read', `${parts.join(', ')}.`) : null
}

function heading() {
  const title = KIND_TITLES[data.kind] ?? data.kind
  document.title = `${title} \u2013 ${data.program}`
  return [
    element('p.program', `${data.program} bench`),
    element('h1', title),
    occasion(),
    data.complete ? null : element('p.warning', 'Interrupted: this report has only what had been measured until then.'),
    element(
      'nav',
      { 'aria-label': 'Sections' },
      element('a', { href: '#verdict' }, 'Verdict'),
      scenarios().map((scenario) => element('a', { href: `#${idOf(scenario)}` }, scenario)),
      data.matrix.length ? element('a', { href: '#matrix' }, 'Block size and depth') : null,
      element('a', { href: '#measured' }, 'How it was measured'),
    ),
  ].filter(Boolean)
}

// Draws what was put on the page, and leaves word of it.
function finish() {
  drawCharts()
  document.getElementById('drawn').textContent = JSON.stringify(drawn())
}

// Paper is light and narrow, and shows what is folded.
function onPrint() {
  const opened = []
  window.addEventListener('beforeprint', () => {
    document.documentElement.classList.add('printing')
    opened.push(...document.querySelectorAll('details:not([open])'))
    opened.forEach((details) => {
      details.open = true
    })
    redrawCharts()
  })
  window.addEventListener('afterprint', () => {
    document.documentElement.classList.remove('printing')
    opened.splice(0).forEach((details) => {
      details.open = false
    })
    redrawCharts()
  })
}

function onResize() {
  let width = window.innerWidth
  window.addEventListener('resize', () => {
    if (window.innerWidth === width) return
    width = window.innerWidth
    redrawCharts()
  })
}

function main() {
  window.addEventListener('error', ({ error, message }) => fail('script', error ?? message))
  data = JSON.parse(document.getElementById('data').textContent)
  if (data.schema !== 'penstock.bench' || data.version !== 1)
    throw new Error(`data of version ${data.version}; this page shows version 1`)
  const report = document.getElementById('report')
  document.getElementById('head').append(...heading())
  report.replaceChildren(
    ...[
      attempt('Verdict', verdict),
      ...scenarios().map((scenario) => attempt(scenario, () => scenarioSection(scenario))),
      attempt('Block size and depth', matrixSection),
      attempt('How it was measured', fairness),
    ].filter(Boolean),
  )
  finish()
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawCharts)
  onPrint()
  onResize()
}

attempt('Report', main)
