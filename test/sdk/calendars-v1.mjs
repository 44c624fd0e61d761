// The twelve calendar methods of API v1 with the published SDK against a real
// server process and a simulated Google. What went wrong is printed.
import assert from 'node:assert/strict'
import { createBaasClient } from '@meeting-baas/sdk'

const base_url = process.env.MB_URL
const v1 = createBaasClient({ api_key: process.env.MB_KEY, base_url, timeout: 60_000 })
const who = { platform: 'Google', ...JSON.parse(process.env.MB_ACCOUNT) }
const good = (r) => (assert.equal(r.success, true, String(r.error?.stack) + JSON.stringify(r.error?.response?.data)), r.data)
const refused = (r, status, code) => assert.deepEqual([r.success, r.error.response?.status, r.error.response?.data.code], [false, status, code])

async function story() {
  assert.deepEqual(good(await v1.listCalendars()), [])
  const raw = good(await v1.listRawCalendars(who)).calendars
  assert.deepEqual(raw.map((c) => [c.email, c.is_primary]), [['ada@example.com', true]])
  const { uuid } = good(await v1.createCalendar({ ...who, raw_calendar_id: raw[0].id })).calendar
  refused(await v1.createCalendar(who), 409, 'CalendarAlreadyExists') // the primary one, unnamed
  const all = good(await v1.resyncAllCalendars()) // also waits for the first sync
  assert.deepEqual(all, { synced_calendars: [uuid], errors: [] })
  assert.equal(good(await v1.getCalendar({ uuid })).google_id, 'ada@example.com')
  assert.equal(good(await v1.listCalendars()).length, 1)

  const list = good(await v1.listCalendarEvents({ calendar_id: uuid }))
  assert.deepEqual([list.next, list.data.length > 3, list.data[0].bot_param], [null, true, null])
  const event = list.data[0].uuid
  const filtered = await v1.listCalendarEvents({ calendar_id: uuid, status: 'all', organizer_email: 'ADA@example.com', start_date_gte: '2020-01-01T00:00:00', attendee_email: 'nobody@example.com' })
  assert.deepEqual(good(filtered).data, [])

  const body = { bot_name: 'Notetaker', recording_mode: 'audio_only', speech_to_text: 'Gladia', extra: { customer: 42 }, webhook_url: 'https://hooks.example/v1' }
  const series = good(await v1.scheduleCalendarRecordEvent({ uuid: event, body, query: { all_occurrences: true } }))
  assert.equal(series.length, list.data.length)
  assert.ok(series.every((e) => e.bot_param.bot_name === 'Notetaker' && e.bot_param.extra.customer === 42 && e.bot_param.speech_to_text_provider === 'Gladia'))
  const patched = good(await v1.patchBot({ uuid: event, body: { bot_name: 'N', extra: null } }))
  assert.deepEqual(patched.map((e) => [e.bot_param.bot_name, e.bot_param.recording_mode, e.bot_param.extra, e.bot_param.webhook_url]), [['N', 'audio_only', null, 'https://hooks.example/v1']])
  assert.equal(good(await v1.getCalendarEvent({ uuid: event })).bot_param.bot_name, 'N')
  for (let n = 0; n < 2; n++) {
    const gone = good(await v1.unscheduleCalendarRecordEvent({ uuid: event }))
    assert.deepEqual(gone.map((e) => [e.uuid, e.bot_param]), [[event, null]])
  }
  refused(await v1.patchBot({ uuid: event, body: { bot_name: 'N' } }), 404, 'CalendarBotNotFound')

  const updated = good(await v1.updateCalendar({ uuid, body: who })).calendar
  assert.equal(updated.uuid, uuid)
  assert.deepEqual(good(await v1.listCalendarEvents({ calendar_id: uuid })).data.filter((e) => e.bot_param), [])
  assert.deepEqual(good(await v1.resyncAllCalendars({ days: 60 })).errors, [])
  assert.equal(good(await v1.deleteCalendar({ uuid })), '')
  refused(await v1.getCalendar({ uuid }), 404, 'CalendarNotFound')
  refused(await v1.getCalendarEvent({ uuid: event }), 404, 'EventNotFound')
  refused(await createBaasClient({ api_key: 'stn_nobody', base_url }).listCalendars(), 401, 'InvalidApiKey')
}

await story()
