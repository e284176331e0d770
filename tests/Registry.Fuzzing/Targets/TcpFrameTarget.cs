using Registry.WebRtc.Net;
using Registry.WebRtc.Stun;

namespace Registry.Fuzzing.Targets;

/// <summary>What anybody may send to the TCP port. The first byte says in which pieces it comes.</summary>
internal sealed class TcpFrameTarget : IFuzzTarget
{
    public string Name => "tcp-frame";

    public void Run(ReadOnlySpan<byte> input)
    {
        var reader = new FuzzReader(input);
        var piece = 1 + reader.Byte();
        var frames = new LengthFrameReader();
        for (var stream = reader.Rest(); !stream.IsEmpty && !frames.IsBroken;)
        {
            var free = frames.Free.Span;
            PropertyViolatedException.ThrowUnless(!free.IsEmpty, "The reader of frames has no room although every message was taken.");
            var taken = Math.Min(Math.Min(piece, stream.Length), free.Length);
            stream[..taken].CopyTo(free);
            stream = stream[taken..];
            frames.Advance(taken);
            while (frames.TryRead(out var message))
            {
                PropertyViolatedException.ThrowUnless(message.Length is > 0 and <= LengthFrameReader.MaxMessage, $"A message has {message.Length} bytes.");
                StunMessage.TryGetUsernameFragment(message, out _);
            }
        }
    }
}
