// The fourteen methods of API v1 that are not about calendars with the published
// SDK against a real server process. What went wrong is printed.
import assert from 'node:assert/strict'
import { createBaasClient } from '@meeting-baas/sdk'

const base_url = process.env.MB_URL
const v1 = createBaasClient({ api_key: process.env.MB_KEY, base_url, timeout: 60_000 })
const good = (r) => (assert.equal(r.success, true, String(r.error?.stack) + JSON.stringify(r.error?.response?.data)), r.data)
const refused = (r, status, code) => assert.deepEqual([r.success, r.error.response?.status, r.error.response?.data?.code], [false, status, code])

async function bots() {
  const bot = { bot_name: 'Notetaker', meeting_url: 'https://meet.google.com/abc-defg-hij' }
  const { bot_id } = good(await v1.joinMeeting({
    ...bot, extra: { customer: '42' }, recording_mode: 'audio_only', entry_message: 'Hello', speech_to_text: { provider: 'Gladia' },
    automatic_leave: { silence_timeout: 300, noone_joined_timeout: 120, waiting_room_timeout: 1800 }, webhook_url: process.env.MB_HOOK,
    streaming: { output: 'wss://audio.example/out', audio_frequency: '16khz' },
  }))
  refused(await v1.joinMeeting(bot), 409, 'BotAlreadyExists') // by default (C68)
  const second = good(await v1.joinMeeting({ ...bot, bot_name: 'Second', deduplication_key: 'another', extra: { customer: '7' } })).bot_id
  refused(await v1.joinMeeting({ ...bot, meeting_url: 'https://example.com/x' }), 400, 'InvalidMeetingPlatform')
  const later = good(await v1.joinMeeting({ ...bot, start_time: Math.floor(Date.now() / 1000) + 3600 })).bot_id
  assert.deepEqual(good(await v1.leaveMeeting({ uuid: later })), { ok: true }) // it has not been launched

  const data = good(await v1.getMeetingData({ bot_id }))
  assert.deepEqual([data.mp4, data.audio, data.duration, data.bot_data.transcripts, data.bot_data.event_uuid], ['', '', 0, [], null])
  const row = data.bot_data.bot
  assert.deepEqual(
    [row.uuid, row.bot_name, row.enter_message, row.silence_timeout, row.noone_joined_timeout, row.waiting_room_timeout, row.streaming_audio_frequency, row.webhook_url, row.extra],
    [bot_id, 'Notetaker', 'Hello', 300, 120, 1800, '16khz', process.env.MB_HOOK, { customer: '42' }],
  )
  assert.ok([row.id, row.account_id, row.bot_param_id].every(Number.isInteger))
  assert.deepEqual(good(await v1.getMeetingData({ bot_id, include_transcripts: false })).bot_data.bot.id, row.id)

  const list = good(await v1.listBots())
  assert.deepEqual([list.bots.map((b) => b.uuid), list.next_cursor], [[second, bot_id], null])
  assert.deepEqual(list.recent_bots, list.bots)
  assert.equal(list.bots[1].id, row.id)
  assert.deepEqual(good(await v1.listBots({ filter_by_extra: 'customer:42' })).bots.map((b) => b.uuid), [bot_id])
  assert.deepEqual(good(await v1.listBots({ sort_by_extra: 'customer' })).bots.map((b) => b.uuid), [bot_id, second])
  const page = good(await v1.listBots({ limit: 1 }))
  assert.equal(good(await v1.listBots({ limit: 1, cursor: page.next_cursor })).bots[0].uuid, bot_id)

  assert.deepEqual(good(await v1.leaveMeeting({ uuid: bot_id })), { ok: true })
  refused(await v1.leaveMeeting({ uuid: bot_id }), 409, 'BotStatus')
  assert.deepEqual(good(await v1.getScreenshots({ uuid: bot_id })), [])
  refused(await v1.retranscribeBot({ bot_uuid: bot_id }), 422, 'RecordingNotAvailable')
  assert.deepEqual(good(await v1.deleteBotData({ uuid: bot_id })), { ok: true, status: 'noDataFound' })
  assert.deepEqual(good(await v1.deleteBotData({ uuid: bot_id })), { ok: true, status: 'alreadyDeleted' })
  for (let n = 2; n < 5; n++) good(await v1.deleteBotData({ uuid: bot_id }))
  const many = await v1.deleteBotData({ uuid: bot_id })
  refused(many, 429, 'TooManyRequests')
  assert.ok(Number(many.error.response.headers['retry-after']) > 0)
  refused(await v1.getMeetingData({ bot_id: '0198c0de-0000-7000-8000-000000000000' }), 404, 'BotNotFound')
}

async function documentation() {
  const names = async (r) => good(await r).events.map((e) => e.event)
  const ofBots = ['bot.status_change', 'complete', 'failed', 'transcription_complete']
  assert.deepEqual(await names(v1.getBotWebhookDocumentation()), ofBots)
  assert.deepEqual(await names(v1.getCalendarWebhookDocumentation()), ['calendar.sync_events'])
  assert.deepEqual(await names(v1.getWebhookDocumentation()), [...ofBots, 'calendar.sync_events'])
}

async function zoom() {
  const { client_id, client_secret, redirect_uri, code } = JSON.parse(process.env.MB_ZOOM)
  const body = { authorization_code: code, redirect_uri, zoom_client_id: client_id, zoom_client_secret: client_secret }
  const made = good(await v1.createZoomOauthConnection(body))
  assert.deepEqual([made.zoom_user_id, made.zoom_account_id, made.state, 'connection_failure_data' in made], ['zoom-user', 'zoom-account', 'connected', false])
  refused(await v1.createZoomOauthConnection(body), 400, 'ZoomOauthExchangeFailed') // codes work once
  assert.deepEqual(good(await v1.listZoomOauthConnections()), [made])
  assert.deepEqual(good(await v1.getZoomOauthConnection({ uuid: made.uuid })), made)
  good(await v1.joinMeeting({ bot_name: 'N', meeting_url: 'https://zoom.us/j/1', zoom_obf_token_user_id: 'zoom-user' }))
  refused(await v1.joinMeeting({ bot_name: 'N', meeting_url: 'https://zoom.us/j/2', zoom_obf_token_user_id: 'nobody' }), 400, 'ValidationError')
  assert.equal(good(await v1.deleteZoomOauthConnection({ uuid: made.uuid })), '')
  refused(await v1.getZoomOauthConnection({ uuid: made.uuid }), 404, 'ZoomCredentialNotFound')
}

await documentation()
await bots()
await zoom()
