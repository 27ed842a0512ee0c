// The ceiling: a bare Fastify server that parses the same JSON, fills a Float32Array and answers with the real shape.
// It checks nothing, queues nothing and runs no model. Arguments: the port, and in how many processes.
import cluster from 'node:cluster';
import Fastify from 'fastify';

interface Body {
  sequences: number[][][];
}

const [port, processes = '1'] = process.argv.slice(2);

async function serve(): Promise<void> {
  const app = Fastify({ logger: false });
  app.post<{ Body: Body }>('/v1/models/weather/predict', request => ({
    model: 'weather',
    version: '1',
    predictions: request.body.sequences.map(steps => {
      const data = new Float32Array(steps.length * 7);
      let cursor = 0;
      for (const step of steps) for (const value of step) data[cursor++] = value;
      const [a, b, c, d, e] = data;
      const interval = { value: b, lower: c, upper: d };
      return {
        length: steps.length,
        heads: {
          rain: { label: 'rain', probability: a, probabilities: { dry: b, rain: a } },
          weather: { label: 'rain', probability: a, probabilities: { drizzle: a, fog: b, rain: c, snow: d, sun: e } },
          temp_max: { ...interval, unit: 'degC' },
          temp_min: { ...interval, unit: 'degC' },
          wind: { ...interval, unit: 'm/s' },
        },
      };
    }),
  }));
  await app.listen({ port: Number(port), backlog: 4096 });
}

if (cluster.isPrimary && processes !== '1') {
  cluster.schedulingPolicy = cluster.SCHED_NONE; // the kernel hands out connections
  for (let i = 0; i < Number(processes); i++) cluster.fork();
  process.once('SIGTERM', () => process.exit(0)); // the others end with their channel
} else {
  process.once('SIGTERM', () => process.exit(0));
  process.once('disconnect', () => process.exit(0));
  await serve();
}
