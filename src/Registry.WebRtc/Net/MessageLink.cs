namespace Registry.WebRtc.Net;

/// <summary>Takes what comes over a link, on a pool thread; must not block.</summary>
internal interface IMessageLinkReceiver
{
    /// <summary>Takes one message. The span is valid during the call only.</summary>
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>The link has broken; nothing comes after this.</summary>
    void OnDisconnected(string reason);
}

/// <summary>A connection with one other host that carries messages.</summary>
internal abstract class MessageLink : IDisposable
{
    /// <summary>Starts to deliver messages; called once.</summary>
    public abstract void Start(IMessageLinkReceiver receiver);

    /// <summary>Sends one message; one that cannot be sent is lost.</summary>
    public abstract void Send(ReadOnlySpan<byte> message);

    /// <inheritdoc/>
    public abstract void Dispose();
}
