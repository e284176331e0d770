using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

/// <summary>A request that waits for its answer (RFC 8489 §6.2).</summary>
internal sealed class TurnTransaction(StunMethod method, StunTransactionId id)
{
    public StunMethod Method { get; } = method;

    public StunTransactionId Id { get; set; } = id;

    /// <summary>The peer of a CreatePermission or ChannelBind.</summary>
    public TransportAddress Peer { get; init; }

    /// <summary>The number of a ChannelBind.</summary>
    public ushort Channel { get; init; }

    /// <summary>Seconds asked for by an Allocate or Refresh; 0 gives the allocation back.</summary>
    public uint Lifetime { get; init; }

    /// <summary>The key the last transmission was made with; empty without credentials.</summary>
    public byte[] Key { get; set; } = [];

    /// <summary>Times the server asked for other credentials or another nonce.</summary>
    public int Challenges { get; set; }

    public int Transmissions { get; set; }

    public bool IsSendPending { get; set; } = true;

    /// <summary>When to send again or give up; counts only while <see cref="IsSendPending"/> is false.</summary>
    public TimeSpan Deadline { get; set; }

    /// <summary>Asks again under a new id, with what the server has just told.</summary>
    public void Restart(StunTransactionId id)
    {
        (Id, Transmissions, IsSendPending) = (id, 0, true);
        Challenges++;
    }
}
