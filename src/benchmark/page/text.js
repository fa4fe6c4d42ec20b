// Numbers as people read them, and elements that are made without markup in strings.
'use strict'

const NARROW_SPACE = '\u202f'
const UNKNOWN = '\u2013'

// By the unit that the data names: factor and ending, from small to large.
const UNITS = {
  us: [
    [1, ' \u00b5s'],
    [1e3, ' ms'],
    [1e6, ' s'],
  ],
  bytes: [
    [1, ' B'],
    [1024, ' KiB'],
    [1024 ** 2, ' MiB'],
    [1024 ** 3, ' GiB'],
    [1024 ** 4, ' TiB'],
  ],
  '1/s': [
    [1, '/s'],
    [1e6, ' M/s'],
  ],
}

// Names for which the rule of metricLabel() reads badly.
const LABELS = {
  knee_messages_per_second: 'most messages sustained',
  broker_cpu_s_per_gb: 'broker CPU',
  client_cpu_s_per_gb: 'client CPU',
  rss_most_bytes: 'most memory (RSS)',
  page_cache_most_bytes: 'most page cache',
  neighbour_resident_least_percent: 'neighbour in memory',
  rss_bytes: 'process (RSS)',
  psi_io: 'I/O',
  psi_memory: 'memory',
  psi_cpu: 'CPU',
  stolen_percent: 'kept by the hypervisor',
}

function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value)
}

// Three digits that count; whole from 100 on, with the thousands apart.
function digits(value) {
  if (Number.isInteger(value) || Math.abs(value) >= 99.95) {
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE)
  }
  return value.toPrecision(3)
}

// The step of the unit in which `size` reads best; what would be rounded up to a step is in it already.
function stepOf(size, unit) {
  const steps = UNITS[unit] ?? [[1, unit ? ' ' + unit : '']]
  return steps.findLast(([factor]) => Math.abs(size) >= factor * 0.9995) ?? steps[0]
}

function withUnit(value, unit) {
  if (!isNumber(value)) return UNKNOWN
  const [factor, ending] = stepOf(value, unit)
  return digits(value / factor) + ending
}

// For the marks of an axis: '1.50 ms' is '1.5 ms'.
function shortest(text) {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '')
}

// Both ends in the same unit.
function rangeText(low, high, unit) {
  const [factor, ending] = stepOf(high, unit)
  const [from, to] = [digits(low / factor), digits(high / factor)]
  return (from === to ? from : `${from}\u2013${to}`) + ending
}

function percent(ratio) {
  const share = 100 * ratio
  if (share > 0 && share < 0.1) return 'less than 0.1 %'
  return `${share < 9.95 ? Number(share.toFixed(1)) : digits(Math.round(share))} %`
}

// 'produce_p99.9_us': 'produce p99.9'.
function metricLabel(name) {
  return (
    LABELS[name] ??
    name
      .replace(/(^|_)mb_per_second$/, '$1throughput')
      .replace(/_(us|bytes|percent|per_second|s_per_gb)$/, '')
      .replaceAll('_', ' ')
  )
}

function spanText(seconds) {
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole}\u00a0s` : `${Math.floor(whole / 60)}\u00a0min ${whole % 60}\u00a0s`
}

// `name` may have a class: 'p.key'. A first part that is a plain object has the attributes. What is null is left out.
function element(name, ...parts) {
  const [tag, ...classes] = name.split('.')
  const made = document.createElement(tag)
  if (classes.length) made.className = classes.join(' ')
  if (parts[0]?.constructor === Object) {
    for (const [key, value] of Object.entries(parts.shift())) {
      if (value !== null) made.setAttribute(key, value)
    }
  }
  made.append(...parts.flat(Infinity).filter((part) => part !== null))
  return made
}

// Which number of the data an element shows, for whoever checks the page.
function shows(of) {
  return { 'data-of': JSON.stringify(of) }
}

// Scrolls by itself where it is wider than the window, and can be reached by keyboard for that.
function scrolling(label, content) {
  return element('div.scroll', { tabindex: 0, role: 'region', 'aria-label': label }, content)
}

// Rows are lists of cells, the first of which is the row's heading.
function table(label, head, rows) {
  return scrolling(
    label,
    element(
      'table',
      element(
        'thead',
        element(
          'tr',
          head.map((cell) => element('th', { scope: 'col' }, cell)),
        ),
      ),
      element(
        'tbody',
        rows.map(([first, ...rest]) =>
          element(
            'tr',
            element('th', { scope: 'row' }, first),
            rest.map((cell) => (cell instanceof HTMLTableCellElement ? cell : element('td', cell))),
          ),
        ),
      ),
    ),
  )
}
