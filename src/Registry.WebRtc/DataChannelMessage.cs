using Registry.WebRtc.Net;

namespace Registry.WebRtc;

/// <summary>Whether a message is binary or text (WebRTC string, RFC 8831 §6.6).</summary>
public enum DataChannelMessageType
{
    /// <summary>Bytes.</summary>
    Binary,
    /// <summary>UTF-8 text.</summary>
    Text,
}

/// <summary>A received message. Its memory belongs to a pool: dispose it once done with <see cref="Data"/>.</summary>
public sealed class DataChannelMessage : IDisposable
{
    private readonly int length;
    private byte[]? rented;

    /// <summary>Makes a message of an array that belongs to it from now on: disposing the message gives the array to a pool.</summary>
    /// <param name="rented">The array; null for an empty message.</param>
    /// <param name="length">Bytes of it that are the message.</param>
    /// <param name="type">Binary or text.</param>
    public DataChannelMessage(byte[]? rented, int length, DataChannelMessageType type)
    {
        this.rented = rented ?? [];
        this.length = length;
        Type = type;
    }

    /// <summary>Whether the peer sent binary or text.</summary>
    public DataChannelMessageType Type { get; }

    /// <summary>The message's bytes, valid until disposal.</summary>
    /// <exception cref="ObjectDisposedException">The message was disposed.</exception>
    public ReadOnlyMemory<byte> Data
    {
        get
        {
            var array = rented;
            ObjectDisposedException.ThrowIf(array is null, this);
            return array.AsMemory(0, length);
        }
    }

    /// <summary>Returns the memory to its pool.</summary>
    public void Dispose()
    {
        var array = Interlocked.Exchange(ref rented, null);
        if (array is not null)
            BufferPool.Return(array);
    }
}

/// <summary>The channel cannot carry the message because it is closing or closed.</summary>
public sealed class DataChannelClosedException : InvalidOperationException
{
    /// <summary>An exception without text of its own.</summary>
    public DataChannelClosedException() : base("The data channel is closed.") { }

    /// <summary>An exception that says why.</summary>
    public DataChannelClosedException(string message) : base(message) { }

    /// <summary>An exception that says why and what caused it.</summary>
    public DataChannelClosedException(string message, Exception innerException) : base(message, innerException) { }
}
