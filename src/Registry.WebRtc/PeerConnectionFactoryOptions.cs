using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>What the peer connections of one factory share.</summary>
public sealed record PeerConnectionFactoryOptions
{
    /// <summary>Address to bind; null binds all addresses of both families.</summary>
    public IPAddress? BindAddress { get; init; }

    /// <summary>UDP port to bind, 0 for any free one.</summary>
    public int UdpPort { get; init; }

    /// <summary>
    /// Gives each connection a socket of its own. Off, all connections share one socket, as suits a gateway. A program that opens
    /// several connections to one gateway needs it on: DTLS names no connection, so between two shared sockets there can be one only.
    /// </summary>
    public bool SocketPerConnection { get; init; }

    /// <summary>Which of the machine's addresses become host candidates; does not apply to <see cref="HostAddresses"/>.</summary>
    public NetworkFilter NetworkFilter { get; init; } = NetworkFilter.None;

    /// <summary>Authorities that may sign the certificates of <c>turns:</c> servers, instead of the machine's; null for the machine's.</summary>
    public X509Certificate2Collection? RelayAuthorities { get; init; }

    /// <summary>Addresses offered as host candidates; null for those of every interface that is up, and loopback when there is none.</summary>
    public IReadOnlyList<IPAddress>? HostAddresses { get; init; }

    /// <summary>
    /// TCP port at which peers that UDP does not carry to this node may connect (RFC 6544, passive candidates), 0 for any free one; null for none. It is bound
    /// at <see cref="BindAddress"/> and shared by all connections.
    /// </summary>
    public int? TcpPort { get; init; }

    /// <summary>
    /// Whether connections are made to passive TCP candidates of the peer. The peer names the addresses, so a gateway leaves it off; a program that
    /// chooses its peer turns it on.
    /// </summary>
    public bool ConnectsOverTcp { get; init; }

    /// <summary>
    /// Whether names of <c>.local</c> that browsers put in place of their addresses are resolved by multicast on the links of the host candidates
    /// (draft-ietf-mmusic-mdns-ice-candidates). Candidates with any other name are ignored, whatever this says.
    /// </summary>
    public bool ResolveLocalNames { get; init; } = true;

    /// <summary>Where multicast DNS is asked.</summary>
    internal IPEndPoint MulticastDnsGroup { get; init; } = MulticastDnsResolver.DefaultGroup;

    /// <summary>Upper limit of <see cref="CertificateLifetime"/>.</summary>
    public static readonly TimeSpan LongestCertificateLifetime = TimeSpan.FromDays(366);

    /// <summary>
    /// How long a certificate is given to new connections before the next one is made; connections keep theirs to their end, and it is
    /// valid for 30 days longer. Above 0, up to 366 days.
    /// </summary>
    public TimeSpan CertificateLifetime { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The option that asks for what a stack cannot do, as people call it; null when there is none.</summary>
    /// <param name="capabilities">What the stack can do.</param>
    public string? Lacking(PeerConnectionCapabilities capabilities) =>
        UdpPort != 0 && !capabilities.HasFlag(PeerConnectionCapabilities.SharedUdpPort) ? "UDP port that all connections share"
        : TcpPort is not null && !capabilities.HasFlag(PeerConnectionCapabilities.TcpCandidates) ? "TCP candidates"
        : RelayAuthorities is not null && !capabilities.HasFlag(PeerConnectionCapabilities.RelayAuthorities) ? "authorities of one's own for the certificates of relays"
        : null;

    /// <summary>The clock and the timers.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where connections log.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;
}
