// What must not compile. The compiler fails when one of these lines does.
import { type Client, ok, type Schemas } from "./client.js";

export async function mistakes(client: Client, provider: Schemas["Provider"]): Promise<void> {
  // @ts-expect-error A provider has no such property.
  provider.nickname;
  // @ts-expect-error An alias may be null.
  provider.alias.length;
  // @ts-expect-error There is no such path.
  await client.GET("/v1/provider");
  // @ts-expect-error The path needs its parameter.
  await client.GET("/v1/providers/{provider_id}");
  // @ts-expect-error A provider cannot be posted to.
  await client.POST("/v1/providers/{provider_id}", { params: { path: { provider_id: provider.id } } });
  // @ts-expect-error There is no such kind.
  await client.GET("/v1/providers", { params: { query: { kind: "mainframe" } } });
  // @ts-expect-error The uid is required.
  await client.POST("/v1/providers", { body: { kind: "aws" } });
  // @ts-expect-error There is no such property in a new provider.
  await client.POST("/v1/providers", { body: { kind: "aws", uid: "1", nickname: "x" } });
  const page = ok(await client.GET("/v1/providers"));
  // @ts-expect-error The items are providers, not findings.
  page.items[0]?.severity;
}
