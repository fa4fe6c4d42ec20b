// Members of a consumer group, each a thread of its own, so that one can die as a process does: its
// sockets end, and nobody is told.
'use strict'

const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')

const SESSION_MS = 6000
const HEARTBEAT_MS = 300

class Member {
  // Subscribes to `topic` from its beginning. What it reads is in `values`, what it has in `partitions`.
  constructor({ brokers, group, topic }) {
    this.values = []
    this.partitions = []
    this.worker = new Worker(__filename, { workerData: { brokers, group, topic } })
    this.worker.on('message', ({ value, partitions }) => {
      if (value !== undefined) this.values.push(value)
      if (partitions !== undefined) this.partitions = partitions
    })
    this.ended = new Promise((resolve) => this.worker.once('exit', resolve))
  }

  async leave() {
    this.worker.postMessage('leave')
    await this.ended
    this.partitions = []
  }

  async die() {
    await this.worker.terminate()
    this.partitions = []
  }
}

async function run({ brokers, group, topic }) {
  const { Kafka, logLevel } = require('kafkajs')
  require('./codecs')
  const kafka = new Kafka({ clientId: 'member', brokers, logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({
    groupId: group,
    sessionTimeout: SESSION_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: 200,
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    parentPort.postMessage({ partitions: payload.memberAssignment[topic] ?? [] })
  })
  parentPort.once('message', async () => {
    await consumer.disconnect()
    process.exit()
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: async ({ message }) => parentPort.postMessage({ value: message.value.toString() }),
  })
}

if (isMainThread) {
  module.exports = { Member }
} else {
  run(workerData)
}
