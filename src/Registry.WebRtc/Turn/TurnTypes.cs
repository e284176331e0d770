using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Turn;

/// <summary>Times and limits of a <see cref="TurnClient"/>.</summary>
internal sealed record TurnOptions
{
    public static readonly TurnOptions Default = new();

    /// <summary>Time an allocation is asked for (RFC 8656 §3.2: 10 minutes); the server may give another.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Time to the first retransmission over UDP. RFC 8489 §6.2.1 recommends 500 ms for paths of which nothing is known; a relay
    /// is near, and one short datagram is not worth half a second of waiting when it was lost.
    /// </summary>
    public TimeSpan InitialRetransmission { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Longest time between retransmissions; they double up to it.</summary>
    public TimeSpan MaxRetransmission { get; init; } = TimeSpan.FromMilliseconds(1600);

    /// <summary>Rc: transmissions of one request over UDP (RFC 8489 §6.2.1).</summary>
    public int MaxTransmissions { get; init; } = 7;

    /// <summary>Ti: time an answer may take over TCP or TLS (RFC 8489 §6.2.2 has 39.5 s, longer than anybody waits for a candidate).</summary>
    public TimeSpan StreamTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Time after which permissions, which last 5 minutes (RFC 8656 §9), and channels, 10 minutes (§12), are renewed.</summary>
    public TimeSpan RenewPermissionAfter { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>Time without a packet to a peer after which its permission is left to lapse.</summary>
    public TimeSpan IdlePermission { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Peers this side may exchange packets with at once.</summary>
    public int MaxPeers { get; init; } = 128;

    /// <summary>Time before the credentials expire at which fresh ones are asked for.</summary>
    public TimeSpan CredentialMargin { get; init; } = TimeSpan.FromMinutes(2);
}

/// <summary>User name and password for a relay (the long-term mechanism, RFC 8489 §9.2).</summary>
/// <param name="Username">At most 508 bytes of UTF-8.</param>
/// <param name="Password">The password.</param>
/// <param name="ExpiresAt">When the server stops taking them; <see cref="TimeSpan.MaxValue"/> for never.</param>
internal sealed record TurnCredentials(string Username, string Password, TimeSpan ExpiresAt)
{
    [SuppressMessage("Security", "CA5351:Do Not Use Broken Cryptographic Algorithms", Justification = "RFC 8489 §9.2.2 prescribes MD5 for the key.")]
    public byte[] KeyFor(ReadOnlySpan<byte> realm) =>
        MD5.HashData([.. Encoding.UTF8.GetBytes(Username + ":"), .. realm, .. Encoding.UTF8.GetBytes(":" + Password)]);

    /// <summary>Keeps the password out of logs.</summary>
    public override string ToString() => $"{nameof(TurnCredentials)} {{ Username = {Username} }}";
}

internal enum TurnState
{
    New,
    Allocating,
    Allocated,
    /// <summary>Given back; the server may not have answered yet.</summary>
    Releasing,
    /// <summary>Over: given back, refused or lost.</summary>
    Closed,
}

internal enum TurnEventKind
{
    /// <summary>There is a relayed address.</summary>
    Allocated,
    /// <summary>The server wants another connection to be tried: to <see cref="TurnEvent.Server"/>, or to itself when that is default.</summary>
    Reconnect,
    /// <summary>The allocation was asked about, and the server still has it.</summary>
    Confirmed,
    /// <summary>Fresh credentials are wanted.</summary>
    CredentialsExpiring,
    /// <summary>There is no allocation, or no longer; the failure says why.</summary>
    Failed,
}

/// <summary>Something the owner of the client has to know.</summary>
internal readonly record struct TurnEvent(TurnEventKind Kind, TransportAddress Server = default);

/// <summary>Why there is no relayed address.</summary>
/// <param name="Code">The server's error code, or <see cref="StunErrorCode.None"/> when it said none.</param>
/// <param name="Message">What happened, for people.</param>
internal sealed record TurnFailure(StunErrorCode Code, string Message)
{
    public static TurnFailure From(StunErrorCode code, StunMethod method) => new(code, code switch
    {
        StunErrorCode.Unauthenticated => "the server refuses the user name or the password (401)",
        StunErrorCode.Forbidden => "the server forbids the request (403)",
        StunErrorCode.AllocationMismatch => "the server has no such allocation, or another one for this port (437)",
        StunErrorCode.StaleNonce => "the server calls every nonce stale (438)",
        StunErrorCode.AddressFamilyNotSupported => "the server has no address of this family (440)",
        StunErrorCode.WrongCredentials => "the allocation belongs to another user (441)",
        StunErrorCode.UnsupportedTransportProtocol => "the server does not relay UDP (442)",
        StunErrorCode.AllocationQuotaReached => "the user has as many allocations as the server permits (486)",
        StunErrorCode.InsufficientCapacity => "the server has no capacity left (508)",
        _ => $"the server answered {method} with error {(int)code}",
    });
}
