// What kafkajs can do, against the broker named on the command line: node matrix.js HOST:PORT
//
// Every test uses topics and groups of its own.
'use strict'

const assert = require('node:assert/strict')
const test = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { ConfigResourceTypes, Kafka, logLevel } = require('kafkajs')
const codecs = require('./codecs')
const { Member } = require('./member')

const brokers = [process.argv[2]]
const kafka = new Kafka({ clientId: 'kafkajs-matrix', brokers, logLevel: logLevel.NOTHING })
const admin = kafka.admin()

const PARTITIONS = 4

let topicsMade = 0

async function newTopic(name, numPartitions = PARTITIONS) {
  const topic = `kafkajs-${name}-${++topicsMade}`
  await admin.createTopics({ topics: [{ topic, numPartitions }] })
  return topic
}

async function waitUntil(condition, what, timeoutMs = 40_000) {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `${what}: not within ${timeoutMs} ms`)
    await sleep(50)
  }
}

async function withProducer(work, options = {}) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options })
  await producer.connect()
  try {
    return await work(producer)
  } finally {
    await producer.disconnect()
  }
}

// Sends "FROM".."FROM + COUNT - 1", in turn to all partitions.
const sendNumbers = (topic, count, from = 0) =>
  withProducer((producer) =>
    producer.send({
      topic,
      messages: Array.from({ length: count }, (_, i) => ({
        value: String(from + i),
        partition: (from + i) % PARTITIONS,
      })),
    })
  )

const numbers = (count) => Array.from({ length: count }, (_, i) => String(i)).sort()

// Reads `count` messages of `topic` in a group of its own: [{partition, message}].
async function read(topic, count, group = `${topic}-reader`, options = {}) {
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 200, ...options })
  const seen = []
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => seen.push({ partition, message }),
    })
    await waitUntil(() => seen.length >= count, `${count} messages of ${topic}`)
  } finally {
    await consumer.disconnect()
  }
  assert.equal(seen.length, count)
  return seen
}

async function areShared(members) {
  const shares = members.map((member) => member.partitions)
  const all = shares.flat().sort()
  return (
    all.length === PARTITIONS &&
    all.every((partition, i) => partition === i) &&
    new Set(shares.map((share) => share.length)).size === 1
  )
}

const waitForShares = (...members) =>
  waitUntil(() => areShared(members), `fair shares for ${members.length} members`)

const waitForNumbers = (count, ...members) =>
  waitUntil(
    () => new Set(members.flatMap((member) => member.values)).size === count,
    `${count} numbers for ${members.length} members`
  )

const protocolError = (type) => (error) => {
  const causes = [error, error.cause, ...(error.errors ?? [])].filter(Boolean)
  assert.ok(
    causes.some((cause) => cause.type === type),
    `expected ${type}, got ${causes.map((cause) => cause.type ?? cause.message)}`
  )
  return true
}

test.before(() => admin.connect())
test.after(() => admin.disconnect())

// Produce and consume.

for (const [name, compression] of Object.entries(codecs)) {
  test(`messages sent with ${name} come back as they were sent`, async () => {
    const topic = await newTopic(`codec-${name}`, 1)
    const sent = Array.from({ length: 500 }, (_, i) => ({
      key: i % 3 === 0 ? null : `key-${i}`,
      value: i % 7 === 0 ? null : Buffer.from(`${name}-${i}-`.repeat(i % 50)),
      headers: { number: String(i), empty: '' },
    }))
    await withProducer(async (producer) => {
      for (let i = 0; i < sent.length; i += 100) {
        const [{ baseOffset }] = await producer.send({
          topic,
          compression,
          acks: -1,
          messages: sent.slice(i, i + 100),
        })
        assert.equal(baseOffset, String(i))
      }
    })
    const seen = await read(topic, sent.length)
    seen.forEach(({ message }, i) => {
      assert.equal(message.offset, String(i))
      assert.equal(message.key?.toString() ?? null, sent[i].key)
      assert.deepEqual(message.value, sent[i].value)
      assert.equal(message.headers.number.toString(), String(i))
      assert.equal(message.headers.empty.toString(), '')
    })
  })
}

test('every value of acks is taken', async () => {
  const topic = await newTopic('acks', 1)
  await withProducer(async (producer) => {
    for (const acks of [0, 1, -1]) {
      await producer.send({ topic, acks, messages: [{ value: String(acks) }] })
    }
  })
  const seen = await read(topic, 3)
  assert.deepEqual(seen.map(({ message }) => message.value.toString()), ['0', '1', '-1'])
})

test('one request carries messages of several topics', async () => {
  const topics = [await newTopic('several', 1), await newTopic('several', 1)]
  await withProducer((producer) =>
    producer.sendBatch({
      topicMessages: topics.map((topic) => ({ topic, messages: [{ value: topic }] })),
    })
  )
  for (const topic of topics) {
    const [{ message }] = await read(topic, 1)
    assert.equal(message.value.toString(), topic)
  }
})

test('a topic is created for a producer that may', async () => {
  const topic = `kafkajs-automatic-${++topicsMade}`
  await withProducer((producer) => producer.send({ topic, messages: [{ value: 'first' }] }), {
    allowAutoTopicCreation: true,
  })
  const [{ message }] = await read(topic, 1)
  assert.equal(message.value.toString(), 'first')
})

test('a batch that is too large is refused by name', async () => {
  const topic = await newTopic('large', 1)
  await withProducer(async (producer) => {
    const messages = [{ value: Buffer.alloc(2 << 20, 'x') }]
    await assert.rejects(producer.send({ topic, messages }), protocolError('MESSAGE_TOO_LARGE'))
    await producer.send({ topic, messages: [{ value: 'the connection is still good' }] })
  })
  await read(topic, 1)
})

test('a consumer seeks, pauses and resumes', async () => {
  const topic = await newTopic('seek', 1)
  await withProducer((producer) =>
    producer.send({ topic, messages: Array.from({ length: 100 }, (_, i) => ({ value: String(i) })) })
  )
  const consumer = kafka.consumer({ groupId: `${topic}-group`, maxWaitTimeInMs: 200 })
  const seen = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => seen.push(Number(message.value)) })
  await waitUntil(() => seen.length === 100, 'the first pass')
  consumer.pause([{ topic }])
  consumer.seek({ topic, partition: 0, offset: '90' })
  await sleep(500)
  assert.equal(seen.length, 100)
  consumer.resume([{ topic }])
  await waitUntil(() => seen.length === 110, 'the second pass')
  await consumer.disconnect()
  assert.deepEqual(seen.slice(100), [90, 91, 92, 93, 94, 95, 96, 97, 98, 99])
})

// Consumer groups.

test('members share a topic as they join, leave and die', async () => {
  const topic = await newTopic('group')
  const member = () => new Member({ brokers, group: `${topic}-group`, topic })
  await sendNumbers(topic, 40)
  const first = member()
  await waitForShares(first)
  const second = member()
  await waitForShares(first, second)
  await sendNumbers(topic, 40, 40)
  await waitForNumbers(80, first, second)

  await second.die()
  await waitForShares(first)
  const third = member()
  await waitForShares(first, third)
  await first.leave()
  await waitForShares(third)
  await sendNumbers(topic, 40, 80)
  await waitForNumbers(120, first, second, third)
  await third.leave()
})

test('a group goes on where it has committed', async () => {
  const topic = await newTopic('commits')
  const group = `${topic}-group`
  await sendNumbers(topic, 40)
  const before = await read(topic, 40, group)
  assert.deepEqual(before.map(({ message }) => message.value.toString()).sort(), numbers(40))
  const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
  assert.deepEqual(
    committed.partitions.map(({ offset }) => offset),
    Array(PARTITIONS).fill('10')
  )
  await sendNumbers(topic, 8, 40)
  const after = await read(topic, 8, group)
  assert.deepEqual(after.map(({ message }) => Number(message.value)).sort(), [40, 41, 42, 43, 44, 45, 46, 47])
})

// Idempotence and transactions.

const valuesOf = (seen) => seen.map(({ message }) => message.value.toString())

test('an idempotent producer keeps its order', async () => {
  const topic = await newTopic('idempotent', 1)
  await withProducer(
    async (producer) => {
      for (let i = 0; i < 50; ++i) {
        const [{ baseOffset }] = await producer.send({ topic, messages: [{ value: String(i) }] })
        assert.equal(baseOffset, String(i))
      }
    },
    { idempotent: true, maxInFlightRequests: 1 }
  )
  assert.deepEqual(valuesOf(await read(topic, 50)), Array.from({ length: 50 }, (_, i) => String(i)))
})

const transactional = (transactionalId) => ({ idempotent: true, maxInFlightRequests: 1, transactionalId })

test('a transaction is seen whole or not at all', async () => {
  const topics = [await newTopic('transaction', 1), await newTopic('transaction', 1)]
  await withProducer(async (producer) => {
    for (const value of ['kept', 'dropped', 'kept too']) {
      const transaction = await producer.transaction()
      for (const topic of topics) await transaction.send({ topic, messages: [{ value }] })
      await (value === 'dropped' ? transaction.abort() : transaction.commit())
    }
  }, transactional(topics[0]))
  for (const topic of topics) {
    assert.deepEqual(valuesOf(await read(topic, 2)), ['kept', 'kept too'])
    const all = await read(topic, 3, `${topic}-uncommitted`, { readUncommitted: true })
    assert.deepEqual(valuesOf(all), ['kept', 'dropped', 'kept too'])
  }
})

test('offsets are committed with the transaction', async () => {
  const topic = await newTopic('offsets-in-transaction', 1)
  const consumerGroupId = `${topic}-group`
  await withProducer(async (producer) => {
    for (const [offset, isKept] of [['5', true], ['7', false]]) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: offset }] })
      await transaction.sendOffsets({
        consumerGroupId,
        topics: [{ topic, partitions: [{ partition: 0, offset }] }],
      })
      await (isKept ? transaction.commit() : transaction.abort())
      const [{ partitions }] = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] })
      assert.equal(partitions[0].offset, '5')
    }
  }, transactional(topic))
})

// Administration.

test('topics are created, listed, described and deleted', async () => {
  const topic = await newTopic('admin', 3)
  assert.ok((await admin.listTopics()).includes(topic))
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.equal(topics[0].partitions.length, 3)
  const { brokers: nodes, controller } = await admin.describeCluster()
  assert.ok(nodes.some(({ nodeId }) => nodeId === controller))
  assert.ok(topics[0].partitions.every(({ leader }) => leader === controller))
  // createTopics answers false for one that is there.
  assert.equal(await admin.createTopics({ topics: [{ topic }] }), false)
  await admin.createTopics({ validateOnly: true, waitForLeaders: false, topics: [{ topic: `${topic}-not-made` }] })
  assert.ok(!(await admin.listTopics()).includes(`${topic}-not-made`))
  await admin.deleteTopics({ topics: [topic] })
  assert.ok(!(await admin.listTopics()).includes(topic))
})

test('a topic with a bad name is refused by name', async () => {
  await assert.rejects(
    admin.createTopics({ topics: [{ topic: 'kafkajs/bad' }] }),
    protocolError('INVALID_TOPIC_EXCEPTION')
  )
})

test('partitions are added', async () => {
  const topic = await newTopic('grown', 1)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.equal(topics[0].partitions.length, 3)
  await assert.rejects(
    admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
    protocolError('INVALID_PARTITIONS')
  )
})

test('settings are described and changed, and refused by name', async () => {
  const topic = await newTopic('settings')
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
  const described = async () => {
    const { resources } = await admin.describeConfigs({ resources: [resource] })
    return resources[0].configEntries.find(({ configName }) => configName === 'retention.ms')
  }
  const change = (name, value) =>
    admin.alterConfigs({ resources: [{ ...resource, configEntries: [{ name, value }] }] })
  assert.ok((await described()).isDefault)
  await change('retention.ms', '3600000')
  assert.equal((await described()).configValue, '3600000')
  await assert.rejects(change('min.insync.replicas', '2'), protocolError('INVALID_CONFIG'))
  await assert.rejects(change('no.such.setting', '1'), protocolError('INVALID_CONFIG'))
  assert.equal((await described()).configValue, '3600000')
})

test('groups are listed, described and deleted, unless they have members', async () => {
  const topic = await newTopic('groups')
  const group = `${topic}-group`
  const member = new Member({ brokers, group, topic })
  await waitForShares(member)
  const { groups } = await admin.listGroups()
  assert.ok(groups.some(({ groupId, protocolType }) => groupId === group && protocolType === 'consumer'))
  const described = (await admin.describeGroups([group])).groups[0]
  assert.equal(described.state, 'Stable')
  assert.equal(described.members[0].clientId, 'member')
  await assert.rejects(admin.deleteGroups([group]), (error) => {
    assert.equal(error.groups[0].error.type, 'NON_EMPTY_GROUP')
    return true
  })
  await member.leave()
  await admin.deleteGroups([group])
  assert.ok(!(await admin.listGroups()).groups.some(({ groupId }) => groupId === group))
})

test('the offsets of a group are set and reset', async () => {
  const topic = await newTopic('offsets')
  const groupId = `${topic}-group`
  await sendNumbers(topic, 40)
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '7' }] })
  const offsetOfOne = async () => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
    return partitions.find(({ partition }) => partition === 1).offset
  }
  assert.equal(await offsetOfOne(), '7')
  await admin.resetOffsets({ groupId, topic, earliest: false })
  assert.equal(await offsetOfOne(), '-1')
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })
  assert.equal(partitions.find(({ partition }) => partition === 1).offset, '10')
})

test('offsets are found by time', async () => {
  const topic = await newTopic('times', 1)
  const times = [1_000_000, 2_000_000, 3_000_000]
  await withProducer(async (producer) => {
    for (const time of times) {
      await producer.send({ topic, messages: [{ value: 'x', timestamp: String(time) }] })
    }
  })
  const [{ low, high }] = await admin.fetchTopicOffsets(topic)
  assert.deepEqual([low, high], ['0', '3'])
  for (const [time, offset] of [[0, '0'], [1_000_001, '1'], [3_000_000, '2'], [3_000_001, '3']]) {
    const [found] = await admin.fetchTopicOffsetsByTimestamp(topic, time)
    assert.equal(found.offset, offset, `the first message from ${time} on`)
  }
})

test('records are deleted up to an offset', async () => {
  const topic = await newTopic('records', 1)
  await withProducer((producer) =>
    producer.send({ topic, messages: Array.from({ length: 10 }, (_, i) => ({ value: String(i) })) })
  )
  // kafkajs looks for the leaders of topics only when it creates them, or is asked for their offsets.
  await admin.fetchTopicOffsets(topic)
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] })
  const [{ low, high }] = await admin.fetchTopicOffsets(topic)
  assert.deepEqual([low, high], ['6', '10'])
  const seen = await read(topic, 4)
  assert.deepEqual(seen.map(({ message }) => message.offset), ['6', '7', '8', '9'])
})

test('messages to a topic that was deleted are refused by name', async () => {
  const topic = await newTopic('gone', 1)
  await withProducer(
    async (producer) => {
      await producer.send({ topic, messages: [{ value: 'x' }] })
      await admin.deleteTopics({ topics: [topic] })
      await assert.rejects(
        producer.send({ topic, messages: [{ value: 'y' }] }),
        protocolError('UNKNOWN_TOPIC_OR_PARTITION')
      )
    },
    { retry: { retries: 1 } }
  )
})
