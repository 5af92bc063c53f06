import OpenAI from 'openai'

const baseURL = `${process.env.ETH_RPC_URL ?? 'http://127.0.0.1:8545'}/v1`
const client = new OpenAI({ baseURL, apiKey: 'sk-zerog-development00000000000000000000000000000000' })
const { data } = await client.models.list()
const answer = await client.chat.completions.create({
  model: data[0]?.id ?? '',
  messages: [{ role: 'user', content: 'How do I run the tests?' }],
  temperature: 0,
})
console.log(answer.choices[0]?.message.content)
