// An application for the tests of a file or a group: started before the first of them, and closed after the last.
import { after, before } from 'node:test';
import { startApp, type TestApp } from './service.ts';

/** Gives the application to tests, once they run. */
export function appDuring(env: Record<string, string>): () => TestApp {
  let app: TestApp | undefined;
  before(async () => {
    app = await startApp(env);
  });
  after(() => app?.close());
  return () => app as TestApp;
}
