// The codecs that kafkajs leaves to others: snappy in the framing of the Java client, LZ4 frames, zstd.
'use strict'

const { CompressionCodecs, CompressionTypes } = require('kafkajs')
const lz4 = require('lz4js')
const snappy = require('kafkajs-snappy')
const zstd = require('@bokuweb/zstd-wasm')

const ZSTD_LEVEL = 3
const zstdIsReady = zstd.init()

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => {
    await zstdIsReady
    return Buffer.from(zstd.compress(encoder.buffer, ZSTD_LEVEL))
  },
  decompress: async (buffer) => {
    await zstdIsReady
    return Buffer.from(zstd.decompress(buffer))
  },
})

module.exports = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}
