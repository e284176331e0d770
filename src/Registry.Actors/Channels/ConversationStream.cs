using Registry.WebRtc;

namespace Registry.Actors.Channels;

/// <summary>The bytes of a channel's messages. Its end is the channel's: closing the stream does not close the channel.</summary>
internal sealed class ConversationStream(HandledConversation conversation) : Stream
{
    private const int MaxPiece = 16 * 1024;

    private DataChannelMessage? current;
    private int taken;

    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // An empty message is no end of file.
        while (current is null || taken == current.Data.Length)
        {
            current?.Dispose();
            taken = 0;
            current = await conversation.ReceiveAsync(cancellationToken);
            if (current is null)
                return 0;
        }

        var read = Math.Min(buffer.Length, current.Data.Length - taken);
        current.Data.Slice(taken, read).CopyTo(buffer);
        taken += read;
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var most = Math.Min(MaxPiece, conversation.MaxMessageSize);
        try
        {
            for (; !buffer.IsEmpty; buffer = buffer[Math.Min(most, buffer.Length)..])
                await conversation.SendAsync(buffer[..Math.Min(most, buffer.Length)], DataChannelMessageType.Binary, cancellationToken);
        }
        catch (DataChannelClosedException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write asynchronously.");

    public override void Flush() { }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        current?.Dispose();
        current = null;
        base.Dispose(disposing);
    }
}
