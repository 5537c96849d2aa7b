// A Discord bot under `failover run -- node index.js`. The supervisor decides whether this process exists, so the bot itself
// needs no lock: when it runs, it may log in. It must only end soon after SIGTERM.
const { Client, GatewayIntentBits } = require('discord.js');

const client = new Client({ intents: [GatewayIntentBits.Guilds] });

// Rises with every change of the leader: put it beside what you write elsewhere, and refuse what bears a lower one.
const epoch = BigInt(process.env.FAILOVER_EPOCH ?? '0');
const site = process.env.SITE_ID ?? 'alone';

client.once('clientReady', () => console.log(`logged in on ${site} under epoch ${epoch}`));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    // destroy() can hang on a dead connection; the successor waits until this process is gone.
    setTimeout(() => process.exit(0), 2000).unref();
    client.destroy().finally(() => process.exit(0));
  });
}

// With --prestart this process starts early and must not log in before it is told to. Loading modules meanwhile is the gain.
function whenToldTo(login) {
  if (!process.env.FAILOVER_PRESTART) return login();
  process.stdin.once('data', (line) => {
    if (String(line).startsWith('GO')) login();
  });
}

whenToldTo(() => client.login(process.env.DISCORD_BOT_TOKEN));
