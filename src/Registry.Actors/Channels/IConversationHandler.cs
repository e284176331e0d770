namespace Registry.Actors.Channels;

/// <summary>
/// Serves conversations of the type <c>handler</c> inside the application. Registered under a name in <see cref="TubeRegistryOptions.Handlers"/>, which
/// <c>{"conversationType": "handler", "handler": "name"}</c> asks for. One object serves all channels of its name, several at once.
/// </summary>
public interface IConversationHandler
{
    /// <summary>
    /// Serves an open channel. The channel closes when this returns; an exception closes it with <see cref="Messages.CloseReason.HandlerError"/> and touches nothing else.
    /// </summary>
    /// <param name="conversation">The channel's messages.</param>
    /// <param name="cancellationToken">Cancelled when the channel must end; nobody waits for a handler that goes on.</param>
    Task RunAsync(HandledConversation conversation, CancellationToken cancellationToken);
}
