using Registry.Messages;
using Registry.WebRtc;

namespace Registry.Actors;

/// <summary>Settings of <c>WithTubeRegistry</c>. Null leaves the value to <c>registry.conf</c>.</summary>
public sealed class TubeRegistryOptions
{
    /// <summary>Makes the peer connections; null takes the <see cref="IPeerConnectionFactory"/> of the service container. The registry does not dispose it.</summary>
    public IPeerConnectionFactory? PeerConnections { get; set; }

    /// <summary>How peer connections gather and connect; null for the stack's defaults.</summary>
    public PeerConnectionConfiguration? PeerConnectionConfiguration { get; set; }

    /// <summary>The node's name in replies and snapshots; null for the machine's name.</summary>
    public string? Node { get; set; }

    /// <summary>Limit on creates in flight, at least 1 (<c>registry.admission.max-concurrent-creates</c>).</summary>
    public int? MaxConcurrentCreates { get; set; }

    /// <summary>Limit on tubes, at least 1 (<c>registry.admission.max-tubes</c>).</summary>
    public int? MaxTubes { get; set; }

    /// <summary>Targets that may be dialled, added to <c>registry.targets.allow</c>: <c>host-or-cidr:port[,port]</c>, port <c>*</c> for any, or <c>*</c> alone for every public or private address that is not loopback.</summary>
    public IList<string> AllowTargets { get; } = [];

    /// <summary>Whether a conversation may listen on an address that is not loopback (<c>registry.channels.listen-beyond-loopback</c>).</summary>
    public bool? ListenBeyondLoopback { get; set; }

    /// <summary>
    /// Told when the end of a tunnel that dials refuses a connection that a client made at this end: why, and the other end's text.
    /// Called by the channel's receive loop: it must not block or throw.
    /// </summary>
    public Action<CloseReason, string>? ConnectionRefused { get; set; }
}
