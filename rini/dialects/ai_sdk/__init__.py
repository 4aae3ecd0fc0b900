"""Vercel's AI SDK: chats of `useChat`, answered as UI message streams."""
