namespace Registry.WebRtc.Net;

/// <summary>Cuts a byte stream into messages.</summary>
internal interface IFrameReader
{
    /// <summary>Whether the stream holds something that is no message; nothing is read from it any more.</summary>
    bool IsBroken { get; }

    /// <summary>Where to put what is read from the stream next; never empty. Every message must have been taken.</summary>
    Memory<byte> Free { get; }

    /// <summary>That many bytes were put there.</summary>
    void Advance(int count);

    /// <summary>Takes the next message; call until false. It is valid until the next use of <see cref="Free"/>.</summary>
    bool TryRead(out ReadOnlySpan<byte> message);
}
