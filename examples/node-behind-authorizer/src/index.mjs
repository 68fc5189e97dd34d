// A function behind minigate's authorizer. API Gateway has verified who asks before it runs, and hands
// over what the authorizer said. All of it is text.

export const handler = async (event) => {
  const { user_id, bot_id, session_id, tier } = event.requestContext.authorizer;
  return {
    statusCode: 200,
    headers: { "Content-Type": "application/json", "Cache-Control": "private, no-store" },
    body: JSON.stringify({
      user_id,
      bot_id,
      // Absent when the user came with init data instead of an access token.
      session_id: session_id ?? null,
      tier,
      order: event.pathParameters?.id ?? null,
    }),
  };
};
