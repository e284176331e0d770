using System.Globalization;
using System.Text;

namespace Registry.WebRtc.Sdp;

/// <summary>Writes the text of a description.</summary>
internal static class SdpWriter
{
    /// <summary>Streams of the association in the old <c>a=sctpmap</c> form, as browsers wrote it.</summary>
    private const int SctpMapStreams = 1024;

    public static string Write(SdpDescription description)
    {
        var text = new StringBuilder(1024);
        Line(text, "v=0");
        Line(text, $"o=- {description.SessionId} {description.SessionVersion} IN IP4 0.0.0.0");
        Line(text, "s=-");
        Line(text, "t=0 0");
        if (description is { IsBundled: true, Mid: not null })
            Line(text, $"a=group:BUNDLE {description.Mid}");
        if (description.IsIceLite)
            Line(text, "a=ice-lite");

        for (var i = 0; i <= description.RejectedMedia.Count; i++)
        {
            if (i == description.MediaIndex)
                WriteDataChannels(text, description);
            if (i < description.RejectedMedia.Count)
                WriteRejected(text, description.RejectedMedia[i]);
        }
        return text.ToString();
    }

    private static void WriteDataChannels(StringBuilder text, SdpDescription description)
    {
        var format = description.UsesSctpMap ? description.SctpPort.ToString(CultureInfo.InvariantCulture) : "webrtc-datachannel";
        // Port 9 and the unspecified address stand for "see the candidates" (RFC 8840 §4.1.1).
        Line(text, $"m=application 9 {description.Protocol} {format}");
        Line(text, "c=IN IP4 0.0.0.0");
        foreach (var candidate in description.Candidates)
            Line(text, $"a={candidate}");
        if (description.EndOfCandidates)
            Line(text, "a=end-of-candidates");
        Line(text, $"a=ice-ufrag:{description.Credentials.UsernameFragment}");
        Line(text, $"a=ice-pwd:{description.Credentials.Password}");
        if (description.SupportsTrickle)
            Line(text, "a=ice-options:trickle");
        foreach (var fingerprint in description.Fingerprints)
            Line(text, $"a=fingerprint:{fingerprint}");
        Line(text, $"a=setup:{description.Setup switch { DtlsSetup.Active => "active", DtlsSetup.Passive => "passive", _ => "actpass" }}");
        if (description.Mid is not null)
            Line(text, $"a=mid:{description.Mid}");
        Line(text, description.UsesSctpMap
            ? $"a=sctpmap:{description.SctpPort} webrtc-datachannel {SctpMapStreams}"
            : (FormattableString)$"a=sctp-port:{description.SctpPort}");
        Line(text, $"a=max-message-size:{(description.MaxMessageSize == int.MaxValue ? 0 : description.MaxMessageSize)}");
    }

    private static void WriteRejected(StringBuilder text, SdpRejectedMedia media)
    {
        Line(text, $"m={media.Kind} 0 {media.Protocol} {media.Formats}");
        Line(text, "c=IN IP4 0.0.0.0");
        if (media.Mid is not null)
            Line(text, $"a=mid:{media.Mid}");
        Line(text, "a=inactive");
    }

    private static void Line(StringBuilder text, FormattableString line) =>
        text.Append(line.ToString(CultureInfo.InvariantCulture)).Append("\r\n");

    private static void Line(StringBuilder text, string line) => text.Append(line).Append("\r\n");
}
