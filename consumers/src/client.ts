// A client of the service whose every path, parameter and property is checked
// against openapi.yaml by the compiler.
import createClient from "openapi-fetch";
import type { components, paths } from "../build/schema.js";

export type Schemas = components["schemas"];

/** Where the service is, which tenant's host is asked for, and who asks. */
export interface Settings {
  baseUrl: string;
  host: string;
  token: string;
}

export function connect({ baseUrl, host, token }: Settings) {
  return createClient<paths>({
    baseUrl,
    // Node does not resolve *.localhost, and fetch sets Host itself: the host
    // comes as it would from a proxy.
    headers: { Authorization: `Bearer ${token}`, "X-Forwarded-Host": host },
  });
}

export type Client = ReturnType<typeof connect>;

/** An answer that is a problem document (RFC 9457), or none at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly problem: Schemas["Problem"] | undefined,
  ) {
    super(`${status} ${problem?.title ?? ""} ${problem?.detail ?? ""}`.trim());
  }
}

interface Result<T> {
  data?: T;
  error?: Schemas["Problem"];
  response: Response;
}

/** The data of an answer; a problem is thrown. */
export function ok<T>({ data, error, response }: Result<T>): NonNullable<T> {
  if (!response.ok || data === undefined || data === null) {
    throw new Problem(response.status, error);
  }
  return data;
}

interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

/** All items of a list, one page after the other. */
export async function* all<Item>(page: (cursor?: string) => Promise<Page<Item>>): AsyncGenerator<Item> {
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(cursor);
    yield* items;
    cursor = next_cursor ?? undefined;
  } while (cursor !== undefined);
}

/** The values of a body of one JSON value per line, as they come. */
export async function* lines<Item>(body: ReadableStream<Uint8Array>): AsyncGenerator<Item> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts) yield JSON.parse(line) as Item;
  }
  rest += decoder.decode();
  if (rest !== "") throw new Error("the last line is not complete");
}
