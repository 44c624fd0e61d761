// Complete stories with the published SDK against a real server process. Each
// has a team of its own; what went wrong is printed as JSON by the story's name.
import assert from 'node:assert/strict'
import { createBaasClient } from '@meeting-baas/sdk'

const keys = JSON.parse(process.env.MB_KEYS)
const client = (team) => createBaasClient({ api_key: keys[team], api_version: 'v2', base_url: process.env.MB_URL, timeout: 60_000 })
const meeting = (n) => `https://meet.google.com/abc-defg-${String.fromCharCode(97 + (n % 26), 97 + (Math.floor(n / 26) % 26), 97 + (Math.floor(n / 676) % 26))}`
const soon = (seconds) => new Date(Date.now() + seconds * 1000).toISOString()
const good = (r) => (assert.equal(r.success, true, JSON.stringify(r)), r)
const refused = (r, status, code) => assert.deepEqual([r.success, r.statusCode, r.code], [false, status, code], JSON.stringify(r))

const stories = {
  async life() {
    const v2 = client('life')
    const { bot_id } = good(await v2.createBot({ meeting_url: meeting(0), bot_name: 'Life', extra: { n: 1 } })).data
    assert.equal(good(await v2.getBotStatus({ bot_id })).data.status, 'queued')
    assert.ok(good(await v2.updateBotConfig({ bot_id, body: { extra: { m: 2 } } })).data.message)
    good(await v2.leaveBot({ bot_id }))
    const ended = good(await v2.getBotDetails({ bot_id })).data
    assert.deepEqual([ended.status, ended.error_code, ended.extra, ended.artifacts_deleted], ['failed', 'EXITING_MEETING_BEFORE_RECORD', { n: 1, m: 2 }, false])
    refused(await v2.leaveBot({ bot_id }), 409, 'FST_ERR_BOT_STATUS')
    good(await v2.resendFinalWebhook({ bot_id }))
    refused(await v2.retryCallback({ bot_id }), 409, 'FST_ERR_TRANSCRIPTION_NOT_ENABLED')
    good(await v2.deleteBotData({ bot_id }))
    const gone = good(await v2.getBotDetails({ bot_id })).data
    assert.deepEqual([gone.artifacts_deleted, gone.video, gone.bot_name], [true, null, 'Life'])
    assert.deepEqual(good(await v2.getBotScreenshots({ bot_id })).data, [])
  },

  async batch() {
    const v2 = client('batch')
    // K5 checks bodies itself, so what is wrong here only the server can find.
    const items = Array.from({ length: 100 }, (_, n) => ({
      bot_name: `Bot ${n}`, extra: { n },
      meeting_url: n % 10 === 3 ? `https://example.com/${n}` : meeting(n % 10 === 7 ? 0 : n),
      allow_multiple_bots: n % 10 !== 7,
    }))
    const made = good(await v2.batchCreateBots(items))
    assert.deepEqual([made.data.length, made.errors.length], [80, 20])
    for (const [n, item] of made.data.entries()) assert.equal(item.index, [0, 1, 2, 4, 5, 6, 8, 9][n % 8] + 10 * Math.floor(n / 8))
    for (const [n, item] of made.errors.entries()) {
      assert.equal(item.index, [3, 7][n % 2] + 10 * Math.floor(n / 2))
      assert.equal(item.code, ['INVALID_MEETING_PLATFORM', 'BOT_ALREADY_EXISTS'][n % 2])
    }
    for (const item of [...made.data, ...made.errors]) assert.deepEqual(item.extra, { n: item.index })
    const one = good(await v2.getBotDetails({ bot_id: made.data[41].bot_id })).data
    assert.deepEqual([one.bot_name, one.extra.n], [`Bot ${made.data[41].index}`, made.data[41].index])
  },

  async schedule() {
    const v2 = client('schedule')
    const bot = { bot_name: 'Later', meeting_url: meeting(1) }
    const { bot_id } = good(await v2.createScheduledBot({ ...bot, join_at: soon(3600), extra: { a: 1 } })).data
    refused(await v2.getBotDetails({ bot_id }), 404, 'FST_ERR_BOT_NOT_FOUND_BY_ID')
    // Ten seconds more than four minutes, for a machine that is busy.
    const near = soon(4 * 60 + 10)
    good(await v2.updateScheduledBot({ bot_id, body: { bot_name: 'Earlier', join_at: near } }))
    refused(await v2.updateScheduledBot({ bot_id, body: { join_at: soon(3 * 60 + 59) } }), 409, 'FST_ERR_BOT_LOCK_WINDOW')
    const shown = good(await v2.getScheduledBot({ bot_id })).data
    assert.deepEqual([shown.bot_name, shown.join_at, shown.status, shown.extra], ['Earlier', near, 'scheduled', { a: 1 }])
    assert.equal(good(await v2.listScheduledBots({ limit: 10, status: 'scheduled' })).data[0].bot_id, bot_id)
    good(await v2.deleteScheduledBot({ bot_id }))
    assert.equal(good(await v2.getScheduledBot({ bot_id })).data.status, 'cancelled')
    refused(await v2.deleteScheduledBot({ bot_id }), 409, 'FST_ERR_BOT_STATUS')
    // Three minutes and 59 seconds before: neither changed nor deleted any more.
    const late = good(await v2.createScheduledBot({ ...bot, join_at: soon(3 * 60 + 59) })).data.bot_id
    refused(await v2.updateScheduledBot({ bot_id: late, body: { bot_name: 'Late' } }), 409, 'FST_ERR_BOT_LOCK_WINDOW')
    refused(await v2.deleteScheduledBot({ bot_id: late }), 409, 'FST_ERR_BOT_LOCK_WINDOW')
    refused(await v2.createScheduledBot({ ...bot, join_at: soon(50) }), 400, 'FST_ERR_VALIDATION')
    refused(await v2.createScheduledBot({ ...bot, join_at: soon(91 * 24 * 3600) }), 400, 'FST_ERR_VALIDATION')
    const both = good(await v2.batchCreateScheduledBots([{ ...bot, join_at: soon(3600) }, { ...bot, join_at: soon(10) }]))
    assert.deepEqual([both.data.map((i) => i.index), both.errors.map((i) => [i.index, i.code])], [[0], [[1, 'VALIDATION_ERROR']]])
  },

  async deduplication() {
    const v2 = client('deduplication')
    const first = { bot_name: 'N', meeting_url: meeting(2) }
    good(await v2.createBot({ ...first, allow_multiple_bots: false }))
    refused(await v2.createBot({ ...first, allow_multiple_bots: false }), 409, 'FST_ERR_BOT_ALREADY_EXISTS')
    refused(await v2.createBot({ ...first, meeting_url: meeting(2) + '?authuser=1', allow_multiple_bots: false }), 409, 'FST_ERR_BOT_ALREADY_EXISTS')
    good(await v2.createBot({ ...first, allow_multiple_bots: true }))
    good(await v2.createBot(first))
    assert.equal(good(await v2.listBots()).data.length, 3)
  },

  async cap() {
    const v2 = client('cap') // may have 7 bots in 24 hours
    const made = good(await v2.batchCreateBots(Array.from({ length: 10 }, (_, n) => ({ bot_name: 'N', meeting_url: meeting(n) }))))
    assert.deepEqual(made.data.map((i) => i.index), [0, 1, 2, 3, 4, 5, 6])
    assert.deepEqual(made.errors.map((i) => [i.index, i.code]), [7, 8, 9].map((n) => [n, 'DAILY_BOT_CAP_REACHED']))
    const one = await v2.createBot({ bot_name: 'N', meeting_url: meeting(0) })
    refused(one, 429, 'FST_ERR_DAILY_BOT_CAP_REACHED')
    assert.ok(one.retryAfter > 0)
  },

  async tokens() {
    const v2 = client('tokens') // has 2.25 tokens: room for four bots
    const made = good(await v2.batchCreateBots(Array.from({ length: 6 }, (_, n) => ({ bot_name: 'N', meeting_url: meeting(n) }))))
    assert.deepEqual([made.data.map((i) => i.index), made.errors.map((i) => [i.index, i.code])], [[0, 1, 2, 3], [4, 5].map((n) => [n, 'INSUFFICIENT_TOKENS'])])
    refused(await v2.createBot({ bot_name: 'N', meeting_url: meeting(0) }), 402, 'FST_ERR_INSUFFICIENT_TOKENS')
    good(await v2.leaveBot({ bot_id: made.data[0].bot_id })) // costs nothing and makes room for one
    good(await v2.createBot({ bot_name: 'N', meeting_url: meeting(0) }))
    refused(await v2.createBot({ bot_name: 'N', meeting_url: meeting(0) }), 402, 'FST_ERR_INSUFFICIENT_TOKENS')
  },

  async pages() {
    const v2 = client('pages')
    const ids = []
    for (let n = 0; n < 1000; n += 100) {
      ids.push(...good(await v2.batchCreateBots(Array.from({ length: 100 }, (_, i) => ({ bot_name: `Bot ${n + i}`, meeting_url: meeting(n + i) })))).data.map((i) => i.bot_id))
    }
    ids.reverse() // newest first
    const there = []
    let page, pages = 0
    for (let cursor; ; cursor = page.cursor, pages++) {
      page = good(await v2.listBots({ limit: 70, ...(cursor && { cursor }) }))
      there.push(...page.data.map((b) => b.bot_id))
      if (pages === 4) good(await v2.createBot({ bot_name: 'Meanwhile', meeting_url: meeting(3) })) // is not seen by this walk
      if (!page.cursor) break
    }
    assert.deepEqual(there, ids)
    const back = page.data.map((b) => b.bot_id)
    while (page.prev_cursor) {
      page = good(await v2.listBots({ limit: 70, cursor: page.prev_cursor }))
      back.unshift(...page.data.map((b) => b.bot_id))
    }
    assert.equal(back.length, 1001)
    assert.deepEqual(back.slice(1), ids)
    refused(await v2.listBots({ limit: 70, cursor: 'nonsense' }), 400, 'FST_ERR_VALIDATION')
    const other = good(await client('life').listBots({ limit: 1 }))
    assert.ok(other.data.length <= 1)
    const filtered = good(await v2.listBots({ limit: 5, bot_name: 'Bot 99' }))
    assert.equal(filtered.data.length, 5)
    refused(await v2.listBots({ limit: 5, cursor: filtered.cursor }), 400, 'FST_ERR_VALIDATION') // of another filter
  },

  async zoom() {
    const v2 = client('zoom')
    const body = { name: 'Keys', client_id: 'id', client_secret: 'secret' }
    const made = good(await v2.createZoomCredential(body)).data
    assert.deepEqual([made.name, made.credential_type, made.state, 'client_secret' in made], ['Keys', 'app', 'active', false])
    const credential_id = made.credential_id
    assert.equal(good(await v2.listZoomCredentials()).data.length, 1)
    good(await v2.createBot({ bot_name: 'N', meeting_url: 'https://zoom.us/j/1', zoom_config: { credential_id } }))
    assert.equal(good(await v2.getZoomCredential({ id: credential_id })).data.name, 'Keys')
    assert.equal(good(await v2.updateZoomCredential({ id: credential_id, body: { name: 'Other keys' } })).data.name, 'Other keys')
    good(await v2.deleteZoomCredential({ id: credential_id }))
    refused(await v2.getZoomCredential({ id: credential_id }), 404, 'FST_ERR_ZOOM_CREDENTIAL_NOT_FOUND_BY_ID')
  },
}

const out = {}
for (const name of Object.keys(stories)) {
  try {
    await stories[name]()
    out[name] = ''
  } catch (e) {
    out[name] = e.stack ?? String(e)
  }
}
console.log(JSON.stringify(out))
