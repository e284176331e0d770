using System.Text.Json;
using System.Text.Json.Serialization;
using Registry.Messages;

namespace Registry.Actors.Audit;

/// <summary>What a record of the audit tells. The names are part of the format, as <c>tube_start</c>, and are for ever.</summary>
[JsonConverter(typeof(AuditKindConverter))]
public enum AuditKind
{
    /// <summary>A tube began. Written before anything is done for it.</summary>
    TubeStart,
    /// <summary>A tube ended.</summary>
    TubeEnd,
    /// <summary>A connection through a tube was asked for. Written before anything is dialled.</summary>
    ConnectionStart,
    /// <summary>A connection whose target is a name has been dialled: at which address.</summary>
    ConnectionDialled,
    /// <summary>The first datagram of a UDP association went to a target.</summary>
    DatagramTarget,
    /// <summary>A connection ended, or never came to be.</summary>
    ConnectionEnd,
    /// <summary>The target rules denied a dial or a datagram, or ended a connection that they had allowed.</summary>
    DialDenied,
    /// <summary>At the head of a file: a tube that began in an earlier file and had not ended when this one began.</summary>
    TubeOpen,
    /// <summary>The same of a connection.</summary>
    ConnectionOpen,
}

internal sealed class AuditKindConverter() : JsonStringEnumConverter<AuditKind>(JsonNamingPolicy.SnakeCaseLower);

/// <summary>One record of the audit. There is no secret in it: no key, no password, no credential, no payload.</summary>
/// <param name="Kind">What it tells.</param>
/// <param name="Id">Names the tube, connection or denied dial, and is never used again: the start and the end of one thing share it.</param>
/// <param name="At">When, in UTC.</param>
/// <param name="Node">The node's name.</param>
public sealed record AuditRecord(AuditKind Kind, string Id, DateTimeOffset At, string Node)
{
    /// <summary>Longest <see cref="Text"/> that is kept, in UTF-16 characters.</summary>
    public const int MaxText = 512;

    /// <summary>On whose behalf; null for nobody's.</summary>
    public string? Owner { get; init; }

    /// <summary>Who asked for the tube: the name of a key, or a token's subject; null when callers need not say.</summary>
    public string? Caller { get; init; }

    /// <summary>The tube. An id may come again; <see cref="Id"/> does not.</summary>
    public required string TubeId { get; init; }

    /// <summary>The conversation; that of a tube's own records is the one it was made for.</summary>
    public required string ConversationId { get; init; }

    /// <summary>The conversation's type, such as <c>tunnel</c>.</summary>
    public string? Type { get; init; }

    /// <summary>Number of the connection on its channel; null when the channel is the connection, and for tubes.</summary>
    public uint? Connection { get; init; }

    /// <summary>Where the node listens for this, as <c>ip:port</c>; null when it dials.</summary>
    public string? Listen { get; init; }

    /// <summary>Who connected to it, as <c>ip:port</c>.</summary>
    public string? Client { get; init; }

    /// <summary>What was asked for, as <c>host:port</c>; several of one session are separated by commas. Of a handler its name, of an echo <c>echo</c>.</summary>
    public string? Target { get; init; }

    /// <summary>The address that was dialled, as <c>ip:port</c>; null when none was reached.</summary>
    public string? Dialled { get; init; }

    /// <summary>Which rule denied it: <c>no_rule</c>, <c>conversation_rules</c>, <c>special_address</c>, <c>own_port</c>.</summary>
    public string? Denial { get; init; }

    /// <summary>Bytes sent to the tube's peer. Of a connection those of its stream, of a UDP association those of datagrams with their headers, of a tube those of messages.</summary>
    public long? BytesSent { get; init; }

    /// <summary>Bytes that came from the tube's peer, counted in the same way.</summary>
    public long? BytesReceived { get; init; }

    /// <summary>Why it ended.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<CloseReason>))]
    public CloseReason? Reason { get; init; }

    /// <summary>What happened, for people.</summary>
    public string? Text { get; init; }

    /// <summary>Which caller asked for the end, named as in <see cref="Caller"/>; null when none did, or callers need not say.</summary>
    public string? ClosedBy { get; init; }

    /// <summary>Milliseconds from the start to the end; null when nobody saw the end.</summary>
    public long? DurationMs { get; init; }

    /// <summary>Whether the end was written at the node's next start, because the node had ended without writing it.</summary>
    public bool? Recovered { get; init; }
}
