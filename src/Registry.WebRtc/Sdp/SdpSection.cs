using System.Globalization;

namespace Registry.WebRtc.Sdp;

/// <summary>The attributes of the session or of one media section, and its <c>m=</c> line.</summary>
internal sealed class SdpSection
{
    private readonly List<(string Name, string Value)> attributes = [];

    public string Kind { get; private init; } = "";
    public int Port { get; private init; }
    public string Protocol { get; private init; } = "";
    public string Formats { get; private init; } = "";

    public bool IsDataChannels => Kind == "application" && Protocol.EndsWith("DTLS/SCTP", StringComparison.OrdinalIgnoreCase);

    /// <summary>A media section from the value of its <c>m=</c> line, or null when the line is malformed (RFC 8866 §5.14).</summary>
    public static SdpSection? FromMediaLine(string value)
    {
        var parts = value.Split(' ', 4, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 4)
            return null;
        var port = parts[1].Split('/')[0];
        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= ushort.MaxValue
            ? new SdpSection { Kind = parts[0], Port = number, Protocol = parts[2], Formats = parts[3].Trim() }
            : null;
    }

    public void Add(string attribute)
    {
        var colon = attribute.IndexOf(':', StringComparison.Ordinal);
        attributes.Add(colon < 0 ? (attribute, "") : (attribute[..colon], attribute[(colon + 1)..].Trim()));
    }

    public bool Has(string name) => attributes.Exists(a => a.Name == name);

    /// <summary>The first value of the attribute, or null.</summary>
    public string? Find(string name) => FindAll(name).FirstOrDefault();

    public IEnumerable<string> FindAll(string name) => attributes.Where(a => a.Name == name).Select(a => a.Value);
}
