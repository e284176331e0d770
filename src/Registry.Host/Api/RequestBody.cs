using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Registry.Host.Api;

/// <summary>A request's body, or the problem that names what is wrong with it.</summary>
internal readonly record struct RequestBody<T>(T? Value, Problem? Problem) where T : class
{
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Problem))]
    public bool IsValid => Value is not null;

    public static implicit operator RequestBody<T>(Problem problem) => new(null, problem);
}

/// <summary>Reads JSON bodies strictly.</summary>
internal static class RequestBody
{
    /// <summary>Largest body that is read, in bytes; four times the largest SDP.</summary>
    public const int MaxLength = 1024 * 1024;

    public static async Task<RequestBody<T>> ReadAsync<T>(HttpRequest request) where T : class
    {
        // A page of another origin can send a form without asking first, but never this content type: the check keeps it out.
        if (!request.HasJsonContentType())
            return new Problem(StatusCodes.Status415UnsupportedMediaType, ProblemCodes.UnsupportedMediaType, "The body must be JSON: send the header Content-Type: application/json.");
        try
        {
            var value = await JsonSerializer.DeserializeAsync<T>(request.Body, ApiJson.Options, request.HttpContext.RequestAborted);
            return new(value, value is null ? Problem.InvalidRequest("body", "The body is null; send a JSON object.") : null);
        }
        catch (JsonException wrong)
        {
            return Explain<T>(wrong);
        }
        catch (BadHttpRequestException tooLarge) when (tooLarge.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            return new Problem(StatusCodes.Status413PayloadTooLarge, ProblemCodes.BodyTooLarge, $"The body is larger than {MaxLength} bytes.");
        }
    }

    /// <summary>The same for a body that may be left out.</summary>
    public static async Task<RequestBody<T>> ReadOrDefaultAsync<T>(HttpRequest request) where T : class, new()
    {
        // Browsers name the page that sends a request; one of another origin could send an empty one without asking first.
        var isLeftOut = request.ContentType is null && !request.Headers.ContainsKey(HeaderNames.Origin)
            && request.HttpContext.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false };
        return isLeftOut ? new(new(), null) : await ReadAsync<T>(request);
    }

    private static Problem Explain<T>(JsonException wrong)
    {
        var field = wrong.Path is ['$', '.', .. var member] ? member : "body";
        // Only the reader of the text itself has an inner exception; everything else is about the text's meaning.
        if (wrong.InnerException is not null || field == "body")
            return Problem.InvalidRequest(field, $"The body is not a JSON object: line {wrong.LineNumber + 1}, byte {wrong.BytePositionInLine + 1}{(field == "body" ? "" : $", near '{field}'")}.");
        var known = ApiJson.Options.GetTypeInfo(typeof(T)).Properties.Select(property => property.Name).ToArray();
        var top = field.Split('.', '[')[0];
        return known.Contains(top)
            ? Problem.InvalidRequest(field, $"'{field}' has the wrong type, is null or is given twice.")
            : Problem.InvalidRequest(field, $"'{field}' is unknown here; known are {string.Join(", ", known)}.");
    }
}
