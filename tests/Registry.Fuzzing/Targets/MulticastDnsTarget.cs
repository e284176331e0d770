using Registry.WebRtc.Net;

namespace Registry.Fuzzing.Targets;

/// <summary>What anybody on the link may answer to a question for a name of <c>.local</c>.</summary>
internal sealed class MulticastDnsTarget : IFuzzTarget
{
    public string Name => "mdns";

    public int MaxLength => MulticastDnsMessage.MaxLength;

    public void Run(ReadOnlySpan<byte> input)
    {
        foreach (var (name, _) in MulticastDnsMessage.ReadAddresses(input))
            PropertyViolatedException.ThrowUnless(MulticastDnsMessage.IsName(name), $"'{name}' is no name that is asked for.");
    }
}
