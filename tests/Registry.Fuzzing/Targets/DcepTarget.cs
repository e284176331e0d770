using Registry.WebRtc.DataChannels;

namespace Registry.Fuzzing.Targets;

/// <summary>Messages of the data channel establishment protocol: to its parser, and from a peer on an established association.</summary>
internal sealed class DcepTarget : IFuzzTarget
{
    private const int MaxMessages = 64;

    public string Name => "dcep";

    public IReadOnlyList<string> Tokens => ["\x03", "\x02", "\x03\0\0\0\0\0\0\0\0\x01\0\0a"];

    public long BaseAllocation => 512 * 1024;

    public void Run(ReadOnlySpan<byte> input)
    {
        if (DcepMessage.TryParseOpen(input, 1, out var label, out var options))
            PropertyViolatedException.ThrowUnless(
                options is not { MaxRetransmits: not null, MaxPacketLifeTime: not null } && label.Length + options.Protocol.Length <= input.Length,
                "The channel's options contradict each other, or its names are longer than the message.");
        var reader = new FuzzReader(input);
        var peer = new FuzzedAssociation(interleaves: false);
        Span<byte> header = stackalloc byte[12];
        for (byte message = 0; message < MaxMessages && !reader.IsAtEnd; message++)
        {
            header.Clear();
            header[2] = (byte)((FuzzedAssociation.PeerInitialTsn + message) >> 8);
            header[3] = (byte)(FuzzedAssociation.PeerInitialTsn + message);
            header[5] = reader.Byte();
            header[7] = reader.Byte();
            header[11] = (byte)(50 + (reader.Byte() & 7));
            const byte wholeUnordered = 7;
            peer.Chunk(0, wholeUnordered, [.. header, .. reader.Block()]);
            peer.Send();
            peer.Drain();
        }
    }
}
