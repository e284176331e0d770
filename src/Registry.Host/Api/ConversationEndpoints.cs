using Registry.Host.Api.Description;
using Registry.Host.Security;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary><c>/v1/conversations</c>: find a conversation, close its channel.</summary>
internal static class ConversationEndpoints
{
    public static void MapConversations(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/conversations/{conversationId}", ReadAsync).ForReaders().Described(Operations.ReadConversation);
        v1.MapDelete("/conversations/{conversationId}", CloseAsync).ForCreators().Described(Operations.CloseConversation);
    }

    private static async Task<IResult> ReadAsync(HttpContext context, CallerRegistry registry, CancellationToken cancellationToken)
    {
        var conversationId = Arguments.LastSegment(context);
        if (!Arguments.TryConversationId(conversationId, out var id, out var problem))
            return problem;
        var reply = await registry.FindConversationAsync(id, cancellationToken);
        if (reply is not TubeFound { Snapshot: var tube })
            return Replies.Translate(reply);
        // It may have ended since.
        if (tube.Conversations.FirstOrDefault(conversation => conversation.ConversationId == id) is not { } found)
            return Problem.ConversationNotFound(conversationId);
        return Results.Json(
            new ConversationBody(conversationId, found.Type, found.IsOpen, tube.TubeId.ToString(), tube.Node, tube.State.Text) { LocalListenAddress = found.LocalListenAddress },
            ApiJson.Options);
    }

    private static async Task<IResult> CloseAsync(HttpContext context, string? reason, CallerRegistry registry, CancellationToken cancellationToken)
    {
        if (!Arguments.TryConversationId(Arguments.LastSegment(context), out var id, out var problem) || !Arguments.TryCloseReason(reason, new(context.User), out var closeReason, out problem))
            return problem;
        return Replies.Translate(await registry.CloseConversationAsync(new(id, closeReason), cancellationToken));
    }
}
