using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Ice;

/// <summary>One Binding request to a STUN server with its retransmissions (RFC 8489 §6.2.1).</summary>
internal sealed class StunQuery(TransportAddress server, StunTransactionId id)
{
    public TransportAddress Server { get; } = server;

    public StunTransactionId Id { get; } = id;

    /// <summary>Index of the server in the gatherer's list.</summary>
    public int ServerIndex { get; init; }

    public int Transmissions { get; private set; }

    public bool IsSendPending { get; private set; } = true;

    /// <summary>When to send again or give up; counts only while <see cref="IsSendPending"/> is false.</summary>
    public TimeSpan Deadline { get; private set; }

    public void SendAgain() => IsSendPending = true;

    public int Write(TimeSpan now, Span<byte> destination, IceGatheringOptions options)
    {
        IsSendPending = false;
        var wait = options.InitialRetransmission * (1 << Math.Min(Transmissions++, 10));
        Deadline = now + (wait < options.MaxRetransmission ? wait : options.MaxRetransmission);
        return new StunWriter(destination, StunClass.Request, StunMethod.Binding, Id).Finish([]);
    }
}
