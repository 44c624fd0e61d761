// The fourteen calendar methods of API v2 with the published SDK against a real
// server process and a simulated Google.
import assert from 'node:assert/strict'
import { createBaasClient } from '@meeting-baas/sdk'

const v2 = createBaasClient({ api_key: process.env.MB_KEY, api_version: 'v2', base_url: process.env.MB_URL, timeout: 60_000 })
const who = { calendar_platform: 'google', ...JSON.parse(process.env.MB_ACCOUNT) }
const good = (r) => (assert.equal(r.success, true, JSON.stringify(r)), r)
const refused = (r, status, code) => assert.deepEqual([r.success, r.statusCode, r.code], [false, status, code], JSON.stringify(r))

async function story() {
  assert.deepEqual(good(await v2.listCalendars()).data, [])
  const raw = good(await v2.listRawCalendars(who)).data
  assert.deepEqual(raw.map((c) => [c.email, c.is_primary]), [['ada@example.com', true]])
  const { calendar_id } = good(await v2.createCalendarConnection({ ...who, raw_calendar_id: raw[0].id })).data
  refused(await v2.createCalendarConnection({ ...who, raw_calendar_id: 'primary' }), 409, 'FST_ERR_CALENDAR_ALREADY_EXISTS')
  assert.ok(good(await v2.syncCalendar({ calendar_id })).data.message) // also waits for the first sync
  const details = good(await v2.getCalendarDetails({ calendar_id })).data
  assert.deepEqual([details.account_email, details.status, details.sync_status], ['ada@example.com', 'active', 'success'])
  assert.equal(good(await v2.listCalendars({ limit: 10, account_email: 'ADA' })).data.length, 1)

  const events = good(await v2.listEvents({ calendar_id })).data
  const series = good(await v2.listEventSeries({ calendar_id })).data
  assert.deepEqual([events.length > 3, series.length, series[0].events.length], [true, 1, events.length])
  const { event_id, series_id } = events[1]
  const settings = { bot_name: 'Notetaker', recording_mode: 'audio_only', extra: { customer: 42 } }
  const all = good(await v2.createCalendarBot({ calendar_id, body: { ...settings, series_id, all_occurrences: true } }))
  assert.deepEqual([all.data.length, all.errors], [events.length, []])
  const one = good(await v2.updateCalendarBot({ calendar_id, event_id, body: { series_id, all_occurrences: false, bot_name: 'N' } }))
  assert.deepEqual([one.data, one.errors], [[{ event_id }], []])
  const event = good(await v2.getEventDetails({ calendar_id, event_id })).data
  assert.deepEqual([event.event_id, event.bot_scheduled, event.meeting_platform], [event_id, true, 'zoom'])
  // The SDK sends the id of no series along.
  const gone = good(await v2.deleteCalendarBot({ calendar_id, event_id }))
  assert.deepEqual([gone.data, gone.errors], [[{ event_id }], []])
  assert.equal(good(await v2.getEventDetails({ calendar_id, event_id })).data.bot_scheduled, false)

  const { calendar_platform, ...credentials } = who
  assert.equal(good(await v2.updateCalendarConnection({ calendar_id, body: credentials })).data.calendar_id, calendar_id)
  refused(await v2.updateCalendarConnection({ calendar_id, body: { ...credentials, oauth_refresh_token: 'wrong' } }), 401, 'FST_ERR_CALENDAR_OAUTH_REFRESH_FAILED')
  good(await v2.updateCalendarConnection({ calendar_id, body: credentials }))
  assert.ok(good(await v2.resubscribeCalendar({ calendar_id })).data.resubscribed_at)
  good(await v2.deleteCalendarConnection({ calendar_id }))
  refused(await v2.getCalendarDetails({ calendar_id }), 404, 'FST_ERR_CALENDAR_NOT_FOUND_BY_ID')
}

await story()
