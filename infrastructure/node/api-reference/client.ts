// A client that is generated from docs/openapi.json. It is compiled, never run: what follows from a
// careless change of the reference, such as an answer without a type, is an error here.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:3000" });

export async function logIn(initData: string): Promise<string> {
  const { data, error, response } = await client.POST("/v1/sessions", {
    params: { header: { "Idempotency-Key": "start-1" } },
    body: { init_data: initData },
  });
  if (error) {
    const code: components["schemas"]["Code"] = error.code;
    throw new Error(code === "rate_limited" ? `again in ${response.headers.get("Retry-After")} s` : code);
  }
  return data.access_token;
}

export async function rename(token: string, name: string, version: number): Promise<number> {
  const { data, error } = await client.PATCH("/v1/me", {
    params: { header: { "If-Match": `"${version}"` } },
    headers: { Authorization: `Bearer ${token}` },
    body: { display_name: name },
  });
  if (error) {
    throw new Error((error.errors ?? []).map(({ field, message }) => `${field} ${message}`).join(", "));
  }
  return data.version;
}

export async function changeLimit(token: string): Promise<components["schemas"]["Tier"][]> {
  const { error } = await client.PUT("/v1/system/limits/{policy}", {
    params: { path: { policy: "login" } },
    headers: { Authorization: `Bearer ${token}` },
    body: { limit: 10, mode: "shadow" },
  });
  const violated: components["schemas"]["ViolatedPolicy"][] = error?.["violated-policies"] ?? [];
  return violated.length > 0 ? ["free"] : ["pro"];
}

// @ts-expect-error: there is no such limit
export const unknown: components["schemas"]["PolicyName"] = "no-such-limit";
