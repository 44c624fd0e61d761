// Calls the six operations with the published SDK, as a customer would, and
// prints what the SDK made of the answers: one JSON object by name.
import { createBaasClient } from '@meeting-baas/sdk'

const base_url = process.env.MB_URL
const v2 = createBaasClient({ api_key: process.env.MB_KEY, api_version: 'v2', base_url })
const stranger = createBaasClient({ api_key: 'stn_nobody', api_version: 'v2', base_url })

const out = {}
out.created = await v2.createBot({
  meeting_url: 'https://meet.google.com/abc-defg-hij',
  bot_name: 'Notetaker',
  extra: { customer: '42' },
  timeout_config: { silence_timeout: 300 },
})
const bot_id = out.created.data?.bot_id
out.second = await v2.createBot({ meeting_url: 'https://zoom.us/j/123', bot_name: 'Second' })
out.listed = await v2.listBots()
out.filtered = await v2.listBots({ limit: 1, meeting_platform: 'zoom,meet', status: 'queued,failed', extra: 'customer:42' })
out.page = await v2.listBots({ limit: 1 })
out.next = await v2.listBots({ limit: 1, cursor: out.page.cursor })
out.back = await v2.listBots({ limit: 1, cursor: out.next.prev_cursor })
out.details = await v2.getBotDetails({ bot_id })
out.status = await v2.getBotStatus({ bot_id })
out.left = await v2.leaveBot({ bot_id })
out.leftAgain = await v2.leaveBot({ bot_id })
out.deleted = await v2.deleteBotData({ bot_id })
out.unknown = await v2.getBotDetails({ bot_id: '0198c0de-0000-7000-8000-000000000000' })
out.wrongPlatform = await v2.createBot({ meeting_url: 'https://example.com/x', bot_name: 'N' })
out.wrongKey = await stranger.listBots()
console.log(JSON.stringify(out))
