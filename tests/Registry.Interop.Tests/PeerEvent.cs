using System.Text.Json;

namespace Registry.Interop.Tests;

/// <summary>One line from a peer's program; which members are set depends on <see cref="Event"/>, see <c>peers/protocol.mjs</c>.</summary>
internal sealed record PeerEvent(string Event)
{
    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web);

    public int? Id { get; init; }
    public int? Pc { get; init; }
    public string? Type { get; init; }
    public string? Sdp { get; init; }
    public string? Candidate { get; init; }
    public string? State { get; init; }
    public string? Channel { get; init; }
    public bool? Ordered { get; init; }
    public int? MaxRetransmits { get; init; }
    public string? Protocol { get; init; }
    public int Index { get; init; }
    public int Size { get; init; }
    public uint Checksum { get; init; }
    public string? Message { get; init; }

    public static PeerEvent Parse(string line) => JsonSerializer.Deserialize<PeerEvent>(line, json)!;
}
