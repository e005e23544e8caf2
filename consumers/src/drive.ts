// Drives a running service as a user of it would: reads pages, creates once,
// changes what was read and nothing newer, and reads a report while it comes.
// SERVICE_URL, SERVICE_HOST and SERVICE_TOKEN say where, whose and who.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { all, type Client, connect, lines, ok, Problem, type Schemas } from "./client.js";

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function reads(client: Client): Promise<void> {
  const version = ok(await client.GET("/v1/version"));
  console.log(`${version.name} ${version.version} on ${version.go_version}`);
  const ids = new Set<string>();
  const findings = all(async (cursor) =>
    ok(await client.GET("/v1/findings", {
      params: { query: { severity: ["critical"], status: ["fail"], limit: 20, ...(cursor ? { cursor } : {}) } },
    })),
  );
  for await (const finding of findings) {
    assert.equal(finding.severity, "critical");
    assert.equal(finding.status, "fail");
    ids.add(finding.id);
  }
  assert.ok(ids.size > 20, `${ids.size} findings are not several pages`);
  console.log(`${ids.size} critical findings fail`);
}

async function counts(client: Client): Promise<void> {
  const page = await client.GET("/v1/providers", { params: { query: { limit: 1 }, header: { Prefer: "count=exact" } } });
  assert.equal(page.response.headers.get("Preference-Applied"), "count=exact");
  const { total, items } = ok(page);
  assert.ok(total !== null && total > items.length);
  console.log(`${total} providers in all`);
}

async function changes(client: Client): Promise<void> {
  const create = { params: { header: { "Idempotency-Key": randomUUID() } }, body: { kind: "gcp", uid: randomUUID(), alias: "typed" } } as const;
  const created = ok(await client.POST("/v1/providers", create));
  const again = await client.POST("/v1/providers", create);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
  assert.equal(ok(again).id, created.id);

  const path = { provider_id: created.id };
  const read = await client.GET("/v1/providers/{provider_id}", { params: { path } });
  const tag = read.response.headers.get("ETag");
  assert.ok(tag);
  const patch = (alias: string | null) =>
    client.PATCH("/v1/providers/{provider_id}", {
      params: { path, header: { "If-Match": tag } },
      body: { alias },
      headers: { "Content-Type": "application/merge-patch+json" },
    });
  assert.equal(ok(await patch(null)).alias, null);
  const late = await patch("too late");
  assert.equal(late.response.status, 412);
  assert.match(late.error?.type ?? "", /precondition-failed$/);

  const gone = await client.DELETE("/v1/providers/{provider_id}", { params: { path } });
  assert.equal(gone.response.status, 204);
  await assert.rejects(
    async () => ok(await client.GET("/v1/providers/{provider_id}", { params: { path } })),
    (error) => error instanceof Problem && error.status === 404,
  );
  console.log(`created ${created.id} once, changed it once, deleted it`);
}

async function streams(client: Client): Promise<void> {
  const scans = ok(await client.GET("/v1/scans", { params: { query: { state: ["completed"], limit: 1 } } }));
  const scan = scans.items[0];
  assert.ok(scan);
  const report = ok(
    await client.POST("/v1/scans/{scan_id}/reports", {
      params: { path: { scan_id: scan.id }, header: { "Idempotency-Key": randomUUID() } },
      body: { title: "Everything, as it comes", format: "ndjson" },
    }),
  );
  const path = { report_id: report.id };
  const content = ok(await client.GET("/v1/reports/{report_id}/content", { params: { path }, parseAs: "stream" }));
  let rows = 0;
  for await (const row of lines<Schemas["ReportRow"]>(content)) {
    assert.equal(typeof row.uid, "string");
    rows++;
  }
  const deleted = await client.DELETE("/v1/reports/{report_id}", { params: { path } });
  assert.equal(deleted.response.status, 204);
  assert.ok(rows > 100, `${rows} rows`);
  console.log(`${rows} findings of scan ${scan.id} streamed`);
}

const client = connect({ baseUrl: setting("SERVICE_URL"), host: setting("SERVICE_HOST"), token: setting("SERVICE_TOKEN") });
await reads(client);
await counts(client);
await changes(client);
await streams(client);
