using System.Globalization;
using Registry.WebRtc.Ice;

namespace Registry.WebRtc.Sdp;

/// <summary>Reads one description. When it returns null, <see cref="Error"/> names the line at fault and what to do.</summary>
internal sealed class SdpReader(SdpType type)
{
    private const int MaxTextLength = 64 * 1024;
    private const int MaxLineLength = 8 * 1024;
    private const int MaxMediaSections = 32;
    private const int MaxAttributes = 2048;
    private const int MaxCandidates = 64;

    private readonly SdpSection session = new();
    private readonly List<SdpSection> media = [];
    private ulong sessionId;
    private ulong sessionVersion;

    public string? Error { get; private set; }

    public SdpDescription? Read(string text)
    {
        if (!ReadLines(text ?? ""))
            return null;
        var index = media.FindIndex(m => m.IsDataChannels);
        if (index < 0)
        {
            var other = media.Find(m => m.Kind == "application");
            return other is null
                ? Fail<SdpDescription>("m=application is missing: the description must have a section 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel'; create a data channel before the offer")
                : Fail<SdpDescription>($"m=application: protocol '{Shown(other.Protocol)}' is not UDP/DTLS/SCTP; data channels need 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel'");
        }
        var section = media[index];
        if (section.Port == 0 && !section.Has("bundle-only"))
            return Fail<SdpDescription>("m=application: port 0 means that the peer refused the data channels; it must accept the section with a port such as 9");
        return ReadSection(section, index);
    }

    private SdpDescription? ReadSection(SdpSection section, int index)
    {
        var mid = section.Find("mid");
        var transport = TransportSections(section, mid, out var isBundled);
        var usesSctpMap = !section.Formats.Contains("webrtc-datachannel", StringComparison.OrdinalIgnoreCase);

        if (ReadCredentials(transport) is not { } credentials
            || ReadFingerprints(transport) is not { } fingerprints
            || ReadSetup(transport) is not { } setup
            || ReadSctpPort(section, usesSctpMap) is not { } sctpPort
            || ReadMaxMessageSize(section) is not { } maxMessageSize
            || ReadCandidates(transport) is not { } candidates)
            return null;

        return new SdpDescription
        {
            Type = type,
            SessionId = sessionId,
            SessionVersion = sessionVersion,
            Mid = mid,
            IsBundled = isBundled,
            Credentials = credentials,
            IsIceLite = session.Has("ice-lite"),
            // Options are separated by spaces; libdatachannel writes commas.
            SupportsTrickle = FindIn(transport, "ice-options") is { } options && options.Split(' ', ',').Contains("trickle"),
            Fingerprints = fingerprints,
            Setup = setup,
            SctpPort = sctpPort,
            MaxMessageSize = maxMessageSize,
            Candidates = candidates,
            EndOfCandidates = transport.Exists(s => s.Has("end-of-candidates")),
            Protocol = section.Protocol,
            UsesSctpMap = usesSctpMap,
            MediaIndex = index,
            RejectedMedia = [.. media.Where(m => m != section)
                .Select(m => new SdpRejectedMedia(m.Kind, m.Protocol, m.Formats, m.Find("mid")))],
        };
    }

    /// <summary>
    /// Where transport attributes are looked for, in order: the section itself, the section that speaks for its BUNDLE group
    /// (RFC 9143 §7.3), the session.
    /// </summary>
    private List<SdpSection> TransportSections(SdpSection section, string? mid, out bool isBundled)
    {
        List<SdpSection> sections = [section];
        var group = mid is null
            ? null
            : session.FindAll("group").Select(g => g.Split(' ')).FirstOrDefault(g => g[0] == "BUNDLE" && g.Skip(1).Contains(mid));
        isBundled = group is { Length: > 1 };
        if (isBundled && media.Find(m => m.Find("mid") == group![1]) is { } tagged && tagged != section)
            sections.Add(tagged);
        sections.Add(session);
        return sections;
    }

    private bool ReadLines(string text)
    {
        if (text.Length > MaxTextLength)
            return FailLine($"the description has {text.Length} characters; at most {MaxTextLength} are taken");
        var (number, attributes, begun) = (0, 0, false);
        foreach (var range in text.AsSpan().Split('\n'))
        {
            number++;
            var line = text.AsSpan()[range].TrimEnd('\r');
            if (line.IsEmpty)
                continue;
            if (line.Length > MaxLineLength)
                return FailLine($"line {number} has {line.Length} characters; at most {MaxLineLength} are taken");
            if (!begun && !line.SequenceEqual("v=0"))
                break;
            begun = true;
            if (line.Length < 2 || line[1] != '=' || line.ContainsAnyInRange('\0', '\u001F'))
                return FailLine($"line {number}: '{Shown(line.ToString())}' is not of the form <letter>=<value>");
            if (line[0] == 'a' && ++attributes > MaxAttributes)
                return FailLine($"a= occurs more than {MaxAttributes} times");
            if (!ReadLine(line[0], line[2..].ToString(), number))
                return false;
        }
        return begun || FailLine("v=0 is missing: a description begins with the line 'v=0'");
    }

    private bool ReadLine(char kind, string value, int number)
    {
        switch (kind)
        {
            case 'o':
                var origin = value.Split(' ');
                if (origin.Length != 6
                    || !ulong.TryParse(origin[1], NumberStyles.None, CultureInfo.InvariantCulture, out sessionId)
                    || !ulong.TryParse(origin[2], NumberStyles.None, CultureInfo.InvariantCulture, out sessionVersion))
                    return FailLine($"line {number}: o= must be 'o=<name> <session id> <version> IN IP4 <address>' with decimal numbers");
                break;
            case 'a':
                (media.Count == 0 ? session : media[^1]).Add(value);
                break;
            case 'm':
                if (media.Count == MaxMediaSections)
                    return FailLine($"m= occurs more than {MaxMediaSections} times");
                if (SdpSection.FromMediaLine(value) is not { } section)
                    return FailLine($"line {number}: m= must be 'm=<media> <port> <protocol> <format>'");
                media.Add(section);
                break;
        }
        return true;
    }

    private IceCredentials? ReadCredentials(List<SdpSection> transport)
    {
        // Fragment and password must come from the same level (RFC 8839 §5.4).
        var source = transport.Find(s => s.Has("ice-ufrag") || s.Has("ice-pwd"));
        if (source?.Find("ice-ufrag") is not { } ufrag)
            return Fail<IceCredentials>("a=ice-ufrag is missing: add the ICE user fragment, for example 'a=ice-ufrag:8hhY'");
        if (source.Find("ice-pwd") is not { } password)
            return Fail<IceCredentials>("a=ice-pwd is missing: add the ICE password beside a=ice-ufrag");
        if (!IceCredentials.IsUsernameFragment(ufrag))
            return Fail<IceCredentials>("a=ice-ufrag must be 4 to 256 letters, digits, '+' or '/'");
        return IceCredentials.IsPassword(password)
            ? new IceCredentials(ufrag, password)
            : Fail<IceCredentials>("a=ice-pwd must be 22 to 256 letters, digits, '+' or '/'");
    }

    private List<CertificateFingerprint>? ReadFingerprints(List<SdpSection> transport)
    {
        var values = transport.Find(s => s.Has("fingerprint"))?.FindAll("fingerprint").ToList();
        if (values is null)
            return Fail<List<CertificateFingerprint>>("a=fingerprint is missing: add the hash of the DTLS certificate, 'a=fingerprint:sha-256 …'");
        List<CertificateFingerprint> fingerprints = [];
        string? firstError = null;
        foreach (var value in values)
        {
            if (CertificateFingerprint.TryParse(value, out var fingerprint, out var error))
                fingerprints.Add(fingerprint);
            else
                firstError ??= $"'{Shown(value)}': {error}";
        }
        // A hash that is not supported may stand beside one that is (RFC 8122 §5); a lone bad one may not.
        return fingerprints.Count > 0 ? fingerprints : Fail<List<CertificateFingerprint>>($"a=fingerprint {firstError}");
    }

    private DtlsSetup? ReadSetup(List<SdpSection> transport)
    {
        var value = FindIn(transport, "setup");
        DtlsSetup? setup = value switch
        {
            "actpass" => DtlsSetup.ActPass,
            "active" => DtlsSetup.Active,
            "passive" => DtlsSetup.Passive,
            _ => null,
        };
        if (setup is null)
            Error = value is null
                ? "a=setup is missing: add 'a=setup:actpass' to an offer, 'a=setup:active' to an answer"
                : $"a=setup:{Shown(value)} is not supported; use actpass, active or passive";
        if (setup != DtlsSetup.ActPass || type != SdpType.Answer)
            return setup;
        Error = "a=setup:actpass is not allowed in an answer; answer with active or passive (RFC 8842 §5.3)";
        return null;
    }

    private int? ReadSctpPort(SdpSection section, bool usesSctpMap)
    {
        var (name, text) = usesSctpMap
            ? ("a=sctpmap", section.Find("sctpmap")?.Split(' ')[0] ?? section.Formats.Split(' ')[0])
            : ("a=sctp-port", section.Find("sctp-port"));
        if (text is null)
            return SdpDescription.DefaultSctpPort;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= ushort.MaxValue)
            return port;
        Error = $"{name}: port '{Shown(text)}' must be 1 to 65535; {SdpDescription.DefaultSctpPort} is usual";
        return null;
    }

    private int? ReadMaxMessageSize(SdpSection section)
    {
        if (section.Find("max-message-size") is not { } text)
            return SdpDescription.DefaultMaxMessageSize;
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size))
            return size is 0 or > int.MaxValue ? int.MaxValue : (int)size;
        Error = $"a=max-message-size:{Shown(text)} must be a number of bytes, 0 for no limit";
        return null;
    }

    private List<IceCandidate>? ReadCandidates(List<SdpSection> transport)
    {
        List<IceCandidate> candidates = [];
        var values = transport.Find(s => s.Has("candidate"))?.FindAll("candidate") ?? [];
        foreach (var value in values)
        {
            if (candidates.Count == MaxCandidates)
                return Fail<List<IceCandidate>>($"a=candidate occurs more than {MaxCandidates} times");
            if (!IceCandidate.TryParse(value, out var candidate, out var error))
                return Fail<List<IceCandidate>>($"a=candidate:{Shown(value)} cannot be read: {error}");
            candidates.Add(candidate);
        }
        return candidates;
    }

    private static string? FindIn(List<SdpSection> sections, string name) => sections.Find(s => s.Has(name))?.Find(name);

    private static string Shown(string text) => text.Length <= 60 ? text : string.Concat(text.AsSpan(0, 60), "…");

    private T? Fail<T>(string error) where T : class
    {
        Error = error;
        return null;
    }

    private bool FailLine(string error)
    {
        Error = error;
        return false;
    }
}
